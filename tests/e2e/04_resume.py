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


def interrupted(box, torrent, number):
    """Runs until a third is there, sends the signal; (exit code, bytes fetched)."""
    peer = box.peer(peers.Slow, torrent, RATE)
    running = box.start_download(torrent, peers=[peer])
    lib.wait_for(lambda: peer.served > SIZE // 3, 60, "a third of the download", running)
    running.signal(number)
    result = running.wait(30)
    peer.close()
    return result, peer.served


@lib.case("after SIGINT the next run fetches only what is missing")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    result, before = interrupted(box, torrent, signal.SIGINT)
    lib.check(result.code == 130, "not exit 130", result)
    lib.check(".payload.weft" in box.listing(), "no record: %s" % box.listing())
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)
    lib.check(before + peer.served <= SIZE + IN_FLIGHT,
              "fetched %d and then %d of %d bytes" % (before, peer.served, SIZE))


@lib.case("two interruptions, the second of a download that was itself continued")
def _(box):
    torrent = box.torrent([("a/one", SIZE // 2 + 1), ("two", SIZE // 2 - 1)], piece_length=PIECE)
    fetched = 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        peer = box.peer(peers.Slow, torrent, RATE)
        running = box.start_download(torrent, peers=[peer])
        lib.wait_for(lambda p=peer: p.served > SIZE // 4, 60, "a quarter of the download", running)
        running.signal(number)
        running.wait(30, expect=code)
        peer.close()
        fetched += peer.served
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)
    fetched += peer.served
    lib.check(fetched <= SIZE + 2 * IN_FLIGHT, "fetched %d of %d bytes" % (fetched, SIZE))


@lib.case("without the record what is on disk is still found by checking it")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    _, before = interrupted(box, torrent, signal.SIGINT)
    os.remove(os.path.join(box.downloads, ".payload.weft"))
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)
    lib.check(before + peer.served <= SIZE + IN_FLIGHT,
              "fetched %d and then %d of %d bytes" % (before, peer.served, SIZE))


@lib.case("data that changed since the record are not believed")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    interrupted(box, torrent, signal.SIGINT)
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
    stall = box.tracker(lambda query: time.sleep(20) or b"de")
    torrent.write_torrent(torrent.file, stall.url)
    peer = box.peer(peers.Mute, torrent)
    running = box.start("download", "-o", box.downloads + "/", "--peer", str(peer), torrent.file)
    lib.wait_for(lambda: peer.connections, 30, "a connection", running)
    running.signal(signal.SIGINT)
    running.signal(signal.SIGINT)
    code = running.wait(10).code
    lib.check(code in (130, -signal.SIGINT), "exit %s" % code)


if __name__ == "__main__":
    lib.main()
