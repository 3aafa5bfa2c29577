#!/usr/bin/python3 -B
"""Goal: a slow disk slows the download down and nothing else: it completes, no good peer is
dropped for it, memory stays within its bound, and the writes do not get smaller, which would
make it slower still (FAULTS D22)."""

import re
import time

import lib
import peers
from torrents import KIB, MIB


def peak_memory(parent):
    """The greatest resident size so far, in bytes, of the child of a process; 0 if it is gone."""
    try:
        with open("/proc/%d/task/%d/children" % (parent, parent)) as text:
            children = text.read().split()
        with open("/proc/%s/status" % children[0]) as text:
            return int(re.search(r"VmHWM:\s*(\d+)", text.read()).group(1)) * 1024
    except (OSError, IndexError, AttributeError):
        return 0


def slow(box, torrent, count, milliseconds, *arguments):
    """Downloads, every write taking its time; (Result, peak memory, number of writes, peers)."""
    lib.needs_program("strace")
    swarm = [box.peer(peers.Peer, torrent) for _ in range(count)]
    running = box.start_download(torrent, *arguments, peers=swarm, env=lib.TRACED, prefix=[
        "strace", "-f", "-o", box.path("trace"), "-e", "trace=pwrite64", "-e",
        "inject=pwrite64:delay_enter=%d" % (milliseconds * 1000)])
    peak = 0
    while running.running():
        peak = max(peak, peak_memory(running.process.pid))
        time.sleep(0.05)
    result = running.wait(expect=0)
    with open(box.path("trace")) as text:
        writes = sum("pwrite64(" in line for line in text)
    return result, peak, writes, swarm


def completes(text, piece_length, total, milliseconds):
    """A case for one piece length."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent(total, piece_length=piece_length)
        result, peak, writes, swarm = slow(box, torrent, 8, milliseconds, "--memory", "8M")
        box.compare(torrent)
        lib.check(all(p.connections == 1 for p in swarm), "a good peer was dropped", result)
        lib.check(writes <= total // (64 * KIB), "%d writes for %d bytes" % (writes, total))
        if lib.KIND == "e2e":
            lib.check(0 < peak < (8 + 32) * MIB + 8 * 100 * KIB, "%d bytes of memory" % peak)


completes("small pieces", 256 * KIB, 16 * MIB, 50)
completes("large pieces", 8 * MIB, 24 * MIB, 50)


if __name__ == "__main__":
    lib.main()
