#!/usr/bin/python3
"""A seeder made of libtorrent, for the scenarios: one torrent, plain TCP, no discovery.

    seed_libtorrent.py TORRENT FOLDER IP PORT [BYTES_PER_SECOND]

Checks the data in FOLDER, prints "ready" once it seeds, and goes on until it is killed.
"""

import sys
import time

import libtorrent


def main():
    """Never returns once it seeds; 1 if the data are not all there."""
    torrent, folder, address, port = sys.argv[1:5]
    limit = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    session = libtorrent.session({
        "listen_interfaces": "%s:%s" % (address, port),
        "outgoing_interfaces": address,
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_utp": False, "enable_outgoing_utp": False,
        "in_enc_policy": 2, "out_enc_policy": 2,  # encryption off
        "allow_multiple_connections_per_ip": True,
        "ssrf_mitigation": False,
        "unchoke_slots_limit": -1, "connections_limit": 1000,
        "alert_mask": libtorrent.alert.category_t.error_notification,
    })
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(torrent)
    parameters.save_path = folder
    handle = session.add_torrent(parameters)
    if limit:
        handle.set_upload_limit(limit)
    deadline = time.monotonic() + 30
    while not handle.status().is_seeding:
        if time.monotonic() > deadline:
            print("not seeding: %s" % handle.status().state, flush=True)
            return 1
        time.sleep(0.02)
    print("ready", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
