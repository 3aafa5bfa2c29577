#!/usr/bin/python3 -B
"""Goal: a download that is already complete verifies and exits 0 without asking anybody; data that
somebody else put there, whole or in part, are used."""

import os
import subprocess

import lib
import peers
import trackers
from torrents import KIB, MIB

FILES = [("a/one", 1 * MIB + 5), ("empty", 0), ("two", 300 * KIB)]


def watched(box, **rest):
    """A torrent with a peer, and a tracker that names it."""
    torrent = box.torrent(FILES, piece_length=64 * KIB, **rest)
    peer = box.peer(peers.Peer, torrent)
    tracker = box.tracker(trackers.names(peer), torrent)
    return torrent, peer, tracker


@lib.case("complete data are verified without any traffic")
def _(box):
    torrent, peer, tracker = watched(box)
    box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    lib.wait_for(lambda: len(tracker.queries) >= 3, 30, "what weft said last is read")
    asked, connections = len(tracker.queries), peer.connections
    result = box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    box.compare(torrent)
    lib.check(len(tracker.queries) == asked, "asked the tracker again", result)
    lib.check(peer.connections == connections, "connected again", result)


@lib.case("complete data that weft never saw before are taken as they are")
def _(box):
    torrent, peer, tracker = watched(box)
    torrent.write_data(box.downloads)
    box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    box.compare(torrent)
    lib.check(not tracker.queries and not peer.connections, "there was traffic")


@lib.case("data in part are completed")
def _(box):
    torrent, peer, _ = watched(box)
    torrent.write_data(box.downloads)
    with open(os.path.join(box.downloads, "payload", "a", "one"), "r+b") as data:
        data.seek(200 * KIB)
        data.write(bytes(100 * KIB))
    os.remove(os.path.join(box.downloads, "payload", "empty"))
    box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    box.compare(torrent)
    lib.check(peer.served <= 4 * 64 * KIB, "fetched %d bytes for a hole of 100 KiB" % peer.served)


@lib.case("shorter and longer files are put right")
def _(box):
    torrent, peer, _ = watched(box)
    torrent.write_data(box.downloads)
    os.truncate(os.path.join(box.downloads, "payload", "a", "one"), 500 * KIB)
    with open(os.path.join(box.downloads, "payload", "two"), "ab") as data:
        data.write(b"something after the end")
    box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    box.compare(torrent)
    lib.check(peer.served <= 1 * MIB, "fetched %d bytes" % peer.served)


@lib.case("a path longer than a system call takes is the same to download and verify")
def _(box):
    torrent = box.torrent([(["x" * 200] * 30 + ["deep"], 10 * KIB), ("flat", 10 * KIB)],
                          piece_length=16 * KIB)
    peer = box.peer(peers.Peer, torrent)
    try:
        for fetched in (20 * KIB, 0):
            before = peer.served
            box.download(torrent, peers=[peer], expect=0)
            lib.check(peer.served - before == fetched, "fetched %d bytes" % (peer.served - before))
            result = box.weft("verify", "-o", box.downloads + "/", torrent.file, expect=0)
            lib.check("everything matches" in result.out, "verify disagrees", result)
    finally:  # what clears the box away takes no such paths
        subprocess.run(["rm", "-rf", os.path.join(box.downloads, "payload")], check=True)


if __name__ == "__main__":
    lib.main()
