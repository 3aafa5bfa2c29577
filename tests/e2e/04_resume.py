#!/usr/bin/python3 -B
"""Goal: an interrupted download goes on where it stopped. SIGINT saves the record and exits 130;
the next run fetches only what is missing, and removes the record. Also runs under
ThreadSanitizer."""

import os
import signal
import time

import lib
import peers
from torrents import KIB, MIB

SIZE, PIECE = 12 * MIB, 128 * KIB
RATE = 8 * MIB  # so that the first run is still busy when it is interrupted
IN_FLIGHT = 2 * MIB  # what may be fetched twice: open pieces and what was under way


def completes(box, torrent, before, most=SIZE + IN_FLIGHT):
    """The next run completes, and with the bytes fetched before it has not fetched more."""
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)
    lib.check(before + peer.served <= most,
              "fetched %d and then %d of %d bytes" % (before, peer.served, SIZE))


@lib.case("after SIGINT the next run fetches only what is missing")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    _, before = box.interrupted(torrent, RATE, SIZE // 3)
    lib.check(".payload.weft" in box.listing(), "no record: %s" % box.listing())
    completes(box, torrent, before)


@lib.case("two interruptions, the second of a download that was itself continued")
def _(box):
    torrent = box.torrent([("a/one", SIZE // 2 + 1), ("two", SIZE // 2 - 1)], piece_length=PIECE)
    fetched = 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        fetched += box.interrupted(torrent, RATE, SIZE // 4, number, code)[1]
    completes(box, torrent, fetched, SIZE + 2 * IN_FLIGHT)


@lib.case("without the record what is on disk is still found by checking it")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    _, before = box.interrupted(torrent, RATE, SIZE // 3)
    os.remove(os.path.join(box.downloads, ".payload.weft"))
    completes(box, torrent, before)


@lib.case("data that changed since the record are not believed")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    box.interrupted(torrent, RATE, SIZE // 3)
    path = os.path.join(box.downloads, "payload")
    with open(path, "r+b") as data:
        data.write(b"x" * 5)
        data.seek(2 * MIB)
        data.write(b"y" * 5)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("a second SIGINT ends it at once")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    box.tracker(lambda query: time.sleep(20) or b"de", torrent)
    peer = box.peer(peers.Mute, torrent)
    running = box.start("download", "-o", box.downloads + "/", "--peer", str(peer), torrent.file)
    lib.wait_for(lambda: peer.connections, 30, "a connection", running)
    running.signal(signal.SIGINT)
    running.signal(signal.SIGINT)
    code = running.wait(10).code
    lib.check(code in (130, -signal.SIGINT), "exit %s" % code)


if __name__ == "__main__":
    lib.main()
