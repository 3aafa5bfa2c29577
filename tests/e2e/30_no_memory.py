#!/usr/bin/python3 -B
"""Goal: whichever allocation fails (FAULTS D19), weft goes on without what it was for, or ends with
exit 6 and a sentence: it never crashes or hangs, never calls complete what is not, and the next run
completes.

Of weft's own allocations the n-th fails for each n, until a run has no n-th. Of those that the
libraries make, thousands before anything begins, n moves on in growing steps; SHIM_ALL=1 takes
every one.

And there may be none for good, or for a while: the queue asks again and again for what a piece
needs to be begun, and weft ends when it gets none for too long."""

import concurrent.futures
import itertools
import os

import lib
import peers
import shims
import trackers
from torrents import KIB

EVERY = int(os.environ.get("SHIM_ALL", "0"))
AT_ONCE = 64  # what was refused memory is often tried again seconds later; others run meanwhile


def numbers(own):
    """1, 2, 3...; with those of the libraries a few dozen of thousands."""
    n = 1
    while True:
        yield n
        n += 1 if own or EVERY else 1 + n // 8


def run(n, torrent, source, env):
    """One run without its n-th allocation, and one with all of them if that ended early. Returns
    (exit code of the first, how many allocations it made)."""
    box = lib.Box()
    try:
        count = box.path("count")
        result = box.weft("download", "-o", box.downloads, *source, torrent.file, timeout=30,
                          env=dict(env, SHIM_FAIL=str(n), SHIM_COUNT=count))
        lib.check(result.code in (0, 6), "allocation %d: exit %d" % (n, result.code), result)
        if result.code != 0:
            lib.check("weft: " in result.err, "allocation %d: does not say why" % n, result)
            box.weft("download", "-o", box.downloads, *source, torrent.file, expect=0)
        box.compare(torrent)
        with open(count) as text:
            return result.code, int(text.read())
    finally:
        box.close()


def without_memory(text, own=True, tracker=False):
    """A case: as many runs as there are allocations."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent([("a/one", 150 * KIB), ("two", 50 * KIB + 1)], piece_length=32 * KIB)
        peer = box.peer(peers.Peer, torrent)
        box.tracker(trackers.names(peer), torrent)
        source = [] if tracker else ["--no-trackers", "--peer", str(peer)]
        env = dict({"LD_PRELOAD": shims.library(box)}, **({"SHIM_OWN": "1"} if own else {}))
        codes, last, most, every = [], 0, 0, numbers(own)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            while last <= most:
                some = list(itertools.islice(every, AT_ONCE))
                ends = list(pool.map(lambda n: run(n, torrent, source, env), some))
                codes += [code for code, _ in ends]
                last, most = some[-1], ends[-1][1]
        print("# up to allocation %d: %d times exit 0, %d times exit 6"
              % (most, codes.count(0), codes.count(6)))
        lib.check(most > 50 and codes.count(6) > 0, "not what it is about")


without_memory("the n-th allocation of weft's own fails")
without_memory("the n-th allocation of weft's own fails, with a tracker", tracker=True)
without_memory("the n-th allocation fails, the libraries' too, with a tracker", own=False,
               tracker=True)


def without_a_piece(box, times):
    """A torrent whose last piece can't be begun so many times: what the queue keeps of it, four
    bytes a block, has a size of its own. Returns the torrent and how weft ended."""
    blocks, last = 97, 71
    torrent = box.torrent([("one", (blocks + last) * 16 * KIB)], piece_length=blocks * 16 * KIB)
    peer = box.peer(peers.Peer, torrent)
    env = {"LD_PRELOAD": shims.library(box), "SHIM_OWN": "1",
           "SHIM_SIZE": "%d:%d" % (4 * last, times)}
    return torrent, box.weft("download", "--no-trackers", "--peer", str(peer), "-o", box.downloads,
                             torrent.file, env=env)


@lib.case("who has no memory to begin a piece ends with exit 6, and the next run completes")
def no_memory_for_a_piece(box):
    torrent, result = without_a_piece(box, 1 << 30)
    lib.check(result.code == 6, "exit %d" % result.code, result)
    lib.check("memory" in result.err, "does not say why", result)
    peer = box.peer(peers.Peer, torrent)
    box.weft("download", "--no-trackers", "--peer", str(peer), "-o", box.downloads, torrent.file,
             expect=0)
    box.compare(torrent)


@lib.case("when memory for a piece returns, the download goes on")
def memory_returns(box):
    torrent, result = without_a_piece(box, 5)
    lib.check(result.code == 0, "exit %d" % result.code, result)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
