#!/usr/bin/python3 -B
"""Goal: the harness itself is right. Its seeders, trackers and scripted peers serve aria2, a
client that we did not write, and the comparison notices a single wrong byte. When a later
scenario fails, the fault is weft's."""

import os

import lib
import peers
import trackers
from torrents import KIB, MIB, bdecode


def fetch(box, torrent, expect=0):
    """Downloads with aria2, from the trackers of the torrent."""
    process = box.spawn(["aria2c", "--no-conf", "--dir=" + box.downloads, "--seed-time=0",
                         "--enable-dht=false", "--bt-enable-lpd=false", "--file-allocation=none",
                         "--follow-torrent=mem", "--summary-interval=0", "--bt-stop-timeout=20",
                         "--listen-port=%d" % lib.free_port(), torrent.file])
    code = process.wait(60)
    lib.check(code == expect, "aria2 ended with %d" % code)


FILES = [("a/one", 300 * KIB + 1), ("a/b/empty", 0), ("two", 5), (None, 100), ("three", 70 * KIB)]


@lib.case("aria2 downloads from libtorrent through opentracker")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    url = box.opentracker(torrent)
    torrent.write_torrent(torrent.file, url)
    box.libtorrent(torrent)
    fetch(box, torrent)
    # aria2 1.36 knows nothing of padding files and writes them.
    difference = torrent.difference(box.downloads)
    lib.check(difference and difference.startswith("stray") and ".pad" in difference, difference)


@lib.case("aria2 downloads from a scripted peer that a scripted tracker names")
def _(box):
    torrent = box.torrent(FILES[:3], piece_length=32 * KIB)
    peer = box.peer(peers.Peer, torrent)
    tracker = box.tracker(trackers.names(peer), torrent)
    fetch(box, torrent)
    box.compare(torrent)
    lib.check(peer.served >= len(torrent.data), "the peer served %d bytes" % peer.served)
    lib.check(tracker.queries[0]["info_hash"] == torrent.info_hash, "another info hash")
    lib.check(tracker.events()[0] == "started", "no started event")


@lib.case("libtorrent and a scripted peer with a corrupt one beside them still serve aria2")
def _(box):
    torrent = box.torrent(2 * MIB, piece_length=64 * KIB)
    addresses = [box.libtorrent(torrent), box.peer(peers.Corrupt, torrent),
                 box.peer(peers.Peer, torrent)]
    box.tracker(trackers.names(*addresses), torrent)
    fetch(box, torrent)
    box.compare(torrent)


@lib.case("the comparison notices one bit, a missing file, a longer file and a stray file")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    box.compare(torrent)
    path = os.path.join(box.downloads, "payload", "a", "one")
    with open(path, "r+b") as changed:
        changed.write(bytes([torrent.data[0] ^ 1]))
    lib.check("differs" in (torrent.difference(box.downloads) or ""), "missed a bit")
    torrent.write_data(box.downloads)
    os.remove(os.path.join(box.downloads, "payload", "a", "b", "empty"))
    lib.check("No such file" in (torrent.difference(box.downloads) or ""), "missed a file")
    torrent.write_data(box.downloads)
    with open(path, "ab") as changed:
        changed.write(b"\0")
    lib.check("differs" in (torrent.difference(box.downloads) or ""), "missed a byte too many")
    torrent.write_data(box.downloads)
    with open(os.path.join(box.downloads, ".record"), "wb"):
        pass
    lib.check("stray" in (torrent.difference(box.downloads) or ""), "missed a stray file")


@lib.case("the bencoder writes what libtorrent and its own decoder read")
def _(box):
    import libtorrent  # pylint: disable=import-outside-toplevel,import-error
    torrent = box.torrent(FILES, piece_length=32 * KIB, name="a name")
    info = libtorrent.torrent_info(torrent.file)
    lib.check(info.info_hash().to_bytes() == torrent.info_hash, "another info hash")
    lib.check(info.num_pieces() == len(torrent.pieces), "another count of pieces")
    with open(torrent.file, "rb") as source:
        lib.check(bdecode(source.read())[0][b"info"][b"name"] == b"a name", "another name")


if __name__ == "__main__":
    lib.main()
