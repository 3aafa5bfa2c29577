#!/usr/bin/python3 -B
"""Goal: the time of day may jump as it likes, and weft may be stopped for long (FAULTS D16, D17):
no timer ends early or late by the former; after the latter what is dead is noticed, the tracker is
asked again, and the download completes.

A library tells weft another time than the kernel's (shims.py), so nothing here takes as long as it
seems to take."""

import os
import signal
import subprocess
import threading
import time

import lib
import peers
import shims
import trackers
from torrents import KIB, MIB

DAY = 24 * 3600
STOP = 600  # seconds
SOON = 30   # seconds: all that is here must be over by then


class Paced(peers.Peer):
    """Serves one block each time that the scenario lets it."""

    def __init__(self, torrent, **rest):
        self.turns = threading.Semaphore(0)
        super().__init__(torrent, **rest)

    def serve(self, connection, index, begin, length):
        self.turns.acquire()
        super().serve(connection, index, begin, length)


def seen_by_date(clocks):
    """The time of day that a program started with these clocks sees, in seconds since 1970."""
    return int(subprocess.run(["date", "+%s"], env=dict(os.environ, **clocks.env), check=True,
                              stdout=subprocess.PIPE).stdout)


def jumping(text, jumps):
    """A case: with each few blocks the time of day is another one."""
    @lib.case("the time of day %s" % text)
    def _(box):
        clocks = shims.Clocks(box)
        torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
        peer = box.peer(Paced, torrent)
        tracker = box.tracker(trackers.names(peer, interval=1800), torrent)
        running = box.start("download", "-o", box.downloads + "/", "--json", torrent.file,
                            env=clocks.env)
        for seconds in jumps:
            before = peer.served
            clocks.realtime(seconds)
            lib.check(abs(seen_by_date(clocks) - time.time() - seconds) < SOON, "it did not jump")
            for _ in range(4):
                peer.turns.release()
            lib.wait_for(lambda: peer.served >= before + 4 * 16 * KIB, SOON, "four blocks", running)
        peer.turns.release(1000)
        result = running.wait(SOON, expect=0)
        box.compare(torrent)
        lib.check(peer.connections == 1, "dialled %d times" % peer.connections, result)
        lib.check(tracker.events() in (["started", "completed", "stopped"],
                                       ["started", "completed"], ["started", "stopped"]),
                  "asked the tracker at other times: %s" % tracker.events(), result)


jumping("jumps a day ahead", [DAY] * 3)
jumping("jumps a day back", [-DAY] * 3)
jumping("jumps to and fro", [DAY, -DAY, 0, 20 * 365 * DAY, -1, 1])


@lib.case("the time of day goes back a day while weft waits for somebody: --timeout is what it was")
def _(box):
    clocks = shims.Clocks(box)
    torrent = box.torrent(1 * MIB)
    silent = box.peer(peers.Silent, torrent)
    running = box.start_download(torrent, "--timeout", "3", peers=[silent], env=clocks.env)
    lib.wait_for(lambda: silent.connections, SOON, "a connection", running)
    clocks.realtime(-DAY)
    running.wait(SOON, expect=4)


def stopped(text, survives):
    """A case: weft is stopped, and much later goes on."""
    @lib.case("stopped for ten minutes, in which %s" % text)
    def _(box):
        clocks = shims.Clocks(box)
        torrent = box.torrent(2 * MIB, piece_length=64 * KIB)
        first = box.peer(Paced, torrent)
        second = box.peer(peers.Peer, torrent)
        known = [first]
        tracker = box.tracker(lambda query: trackers.names(*known, interval=60)(query), torrent)
        running = box.start("download", "-o", box.downloads + "/", torrent.file, env=clocks.env)
        first.turns.release(8)
        lib.wait_for(lambda: first.served >= 8 * 16 * KIB, SOON, "some blocks", running)
        running.signal(signal.SIGSTOP)
        clocks.monotonic(STOP)
        clocks.realtime(STOP)
        if survives:
            first.turns.release(1000)
        else:
            first.close()
            first.turns.release(1000)
            known[:] = [second]
        running.signal(signal.SIGCONT)
        result = running.wait(SOON, expect=0)
        box.compare(torrent)
        lib.check(len(tracker.queries) >= 2 if survives else second.served,
                  "did not ask again: %s" % tracker.events(), result)


stopped("the only peer goes away and another one comes", survives=False)
stopped("nothing happens", survives=True)


if __name__ == "__main__":
    lib.main()
