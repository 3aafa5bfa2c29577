#!/usr/bin/python3 -B
"""Goal: when the system gives no more threads, weft goes on with those it has (FAULTS D20); with
none at all it ends with exit 6 and not with a crash."""

import lib
import peers
from torrents import KIB, MIB


def without_threads(box, torrent, when, count=8, expect=None):
    """A download in which making a thread fails."""
    lib.needs_program("strace")
    if lib.KIND != "e2e":
        raise lib.Skip("the run-time of the sanitizers starts threads of its own")
    swarm = [box.peer(peers.Peer, torrent) for _ in range(count)]
    return box.download(torrent, peers=swarm, expect=expect, prefix=[
        "strace", "-f", "-o", "/dev/null", "-e", "trace=clone3,clone", "-e",
        "inject=clone3,clone:error=EAGAIN:when=%s" % when])


@lib.case("from the fifth thread on there are no more")
def _(box):
    torrent = box.torrent(2 * MIB, piece_length=64 * KIB)
    without_threads(box, torrent, "5+", expect=0)
    box.compare(torrent)


@lib.case("every second thread fails")
def _(box):
    torrent = box.torrent(2 * MIB, piece_length=64 * KIB)
    without_threads(box, torrent, "4+2", expect=0)
    box.compare(torrent)


@lib.case("the n-th thread fails, for each n")
def _(box):
    for when in range(1, 9):
        torrent = box.torrent(300 * KIB, piece_length=64 * KIB, name="n%d" % when)
        result = without_threads(box, torrent, str(when), 3)
        lib.check(result.code in (0, 6), "exit %d with thread %d" % (result.code, when), result)


@lib.case("no thread at all")
def _(box):
    torrent = box.torrent(300 * KIB, piece_length=64 * KIB)
    without_threads(box, torrent, "1+", expect=6)


if __name__ == "__main__":
    lib.main()
