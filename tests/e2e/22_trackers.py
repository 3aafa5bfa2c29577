#!/usr/bin/python3 -B
"""Goal: a tracker that fails, lies or hangs costs nothing where another works, and is told to the
user where none does (FAULTS T1 to T6, T9, T10, F36). Each fault is a mode of tracker.py."""

import contextlib
import os
import re
import socket
import time

import lib
import peers
import trackers
from torrents import KIB, MIB

FAILING = ["404", "500", "410", "empty", "html", "malformed", "failure", "refuse", "cut",
           "stall", "stall-headers", "trickle", "redirect-loop", "redirect-file",
           "redirect-local", "bomb", "gzipbomb", "chunked", "oddpeers"]
WORKING = ["badpeers", "huge", "redirect-3", "stall-stopped", "500,ok"]


def tracker(box, mode, addresses=(), *more):
    """Starts tracker.py in one mode; its announce URL."""
    log = box.path("announces.%d" % box.number())
    box.spawn(["/usr/bin/python3", "-B", os.path.join(lib.HERE, "tracker.py"), "--port", "0",
               "--mode", mode, "--log", log, "--peers", ",".join(map(str, addresses)), *more],
              ready="\n")
    for name in sorted(os.listdir(box.folder), key=lambda n: os.path.getmtime(box.path(n))):
        if name.startswith("log."):
            with open(box.path(name)) as text:
                first = text.readline().strip()
            if first.isdigit():
                port = first
    return "http://127.0.0.1:%s/announce" % port


def beside_a_good_one(mode):
    """A case: this tracker in the first tier, one that works in the second."""
    @lib.case("a tracker in mode %s before one that works" % mode)
    def _(box):
        torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
        good = tracker(box, "ok", [box.peer(peers.Peer, torrent)])
        torrent.write_torrent(torrent.file, [[tracker(box, mode)], [good]])
        box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
        box.compare(torrent)


def alone(mode):
    """A case: this tracker is all there is, and weft ends with 4 and says something safe."""
    @lib.case("a tracker in mode %s and nothing else" % mode)
    def _(box):
        torrent = box.torrent(1 * MIB, tracker=tracker(box, mode))
        result = box.weft("download", "-o", box.downloads + "/", "--timeout", "3", torrent.file,
                          expect=4)
        lib.check(len(result.err) > 20, "says nothing", result)
        lib.check(not re.search("[\0-\x08\x0b-\x1f\x7f]", result.err), "control characters",
                  repr(result.err))


def works(mode):
    """A case: odd, but good enough."""
    @lib.case("a tracker in mode %s is good enough" % mode)
    def _(box):
        torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
        peer = box.peer(peers.Peer, torrent)
        torrent.write_torrent(torrent.file, tracker(box, mode, [peer]))
        box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0, timeout=90)
        box.compare(torrent)


for name in FAILING:
    beside_a_good_one(name)
for name in ("404", "html", "failure", "stall", "gzipbomb", "redirect-loop", "refuse"):
    alone(name)
for name in WORKING:
    works(name)


@lib.case("--no-trackers is about the torrent's trackers: the one of --tracker is asked")
def _(box):
    unwanted = box.tracker(trackers.names())
    torrent = box.torrent(1 * MIB, tracker=unwanted.url)
    wanted = box.tracker(trackers.names(box.peer(peers.Peer, torrent)))
    box.weft("download", "-o", box.downloads + "/", "--no-trackers", "--tracker", wanted.url,
             torrent.file, expect=0)
    box.compare(torrent)
    lib.check(wanted.queries and not unwanted.queries, "the wrong tracker was asked")


@lib.case("the memory for an endless answer is bounded")
def _(box):
    torrent = box.torrent(1 * MIB, tracker=tracker(box, "bomb"))
    running = box.start("download", "-o", box.downloads + "/", "--timeout", "4", torrent.file)
    peak = 0
    while running.running():
        try:
            with open("/proc/%d/status" % running.process.pid) as text:
                peak = max(peak, int(re.search(r"VmHWM:\s*(\d+)", text.read()).group(1)))
        except (OSError, AttributeError):
            pass
        time.sleep(0.05)
    result = running.wait(expect=4)
    if lib.KIND == "e2e":
        lib.check(0 < peak < 32 * 1024, "%d KiB of memory" % peak, result)


@lib.case("addresses that can be nobody are passed over")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    peer = box.peer(peers.Peer, torrent)
    odd = ["0.0.0.0:1", "255.255.255.255:6881", "224.0.0.1:6881", "127.0.0.1:0"]
    url = box.tracker(trackers.names(*odd, peer)).url
    torrent.write_torrent(torrent.file, url)
    box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    box.compare(torrent)


class Mirror(peers.Mirror):
    """Serves nothing: whoever takes it for a peer waits in vain."""

    def serve(self, connection, index, begin, length):
        pass


@lib.case("our own address in the reply is dialled once and never again")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    mirror = box.peer(Mirror, torrent)
    good = box.peer(peers.Gated, torrent)
    running = box.start_download(torrent, peers=[mirror, good])
    lib.wait_for(mirror.ended, 25, "the connection to ourselves ends", running)
    good.open_gate()
    running.wait(expect=0)
    lib.check(mirror.connections == 1, "dialled %d times" % mirror.connections)



def silent(count):
    """So many announce URLs that never answer."""
    server = socket.create_server(("127.0.0.1", 0), backlog=2 * count)
    port = server.getsockname()[1]
    return server, ["http://127.0.0.1:%d/%d/announce" % (port, i) for i in range(count)]


@lib.case("fifteen silent tiers before one that works")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    server, urls = silent(15)
    good = box.tracker(trackers.names(box.peer(peers.Peer, torrent)))
    torrent.write_torrent(torrent.file, [[url] for url in urls] + [[good.url]])
    running = box.start("download", "-o", box.downloads + "/", "--timeout", "30", torrent.file)
    running.wait(expect=0)
    box.compare(torrent)
    server.close()


@lib.case("two hundred silent trackers: not more than a few are asked at a time")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    server, urls = silent(200)
    torrent.write_torrent(torrent.file, [[url] for url in urls[:100]] + [urls[100:]])
    running = box.start("download", "-o", box.downloads + "/", "--timeout", "6", torrent.file)
    most = 0
    while running.running():
        with contextlib.suppress(OSError):
            most = max(most, len(os.listdir("/proc/%d/task" % running.process.pid)))
        time.sleep(0.05)
    running.wait(expect=4)
    lib.check(most <= 20, "%d threads" % most)
    server.close()


@lib.case("a tier of silent trackers and one that works")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    server, urls = silent(8)
    good = box.tracker(trackers.names(box.peer(peers.Peer, torrent)))
    torrent.write_torrent(torrent.file, [urls + [good.url]])
    box.weft("download", "-o", box.downloads + "/", "--timeout", "14", torrent.file, expect=0)
    box.compare(torrent)
    server.close()


if __name__ == "__main__":
    lib.main()
