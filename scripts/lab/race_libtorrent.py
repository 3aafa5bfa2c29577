#!/usr/bin/python3
"""Downloads one torrent with libtorrent and leaves when it is finished.

    race_libtorrent.py TORRENT DIRECTORY          download
    race_libtorrent.py --check TORRENT DIRECTORY  check what is there, exit 0 when it is whole

Everything but plain TCP and the tracker is off. The limits are far above what any case needs, and
it may dial as fast as it can: by itself it dials 30 addresses a second, which would be all that
the cases of many peers show.
"""

import os
import sys

import libtorrent as lt

SETTINGS = {
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_incoming_utp": False, "enable_outgoing_utp": False,
    "out_enc_policy": int(lt.enc_policy.disabled), "in_enc_policy": int(lt.enc_policy.disabled),
    "connections_limit": 4000, "connection_speed": 1000, "torrent_connect_boost": 255,
    "listen_interfaces": "0.0.0.0:50000",
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
}


def main():
    check = sys.argv[1] == "--check"
    torrent, directory = sys.argv[-2:]
    session = lt.session(SETTINGS)
    handle = session.add_torrent({"ti": lt.torrent_info(torrent), "save_path": directory})
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.torrent_finished_alert):
                os._exit(0)
            if check and isinstance(alert, lt.torrent_checked_alert):
                os._exit(0 if handle.status().is_seeding else 8)
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                sys.exit(alert.message())


if __name__ == "__main__":
    main()
