#!/usr/bin/python3 -B
"""Goal: a crowd of useless addresses costs time, but not the download, and never more threads and
descriptors than were granted: five hundred dead addresses before the one that lives (FAULTS F34);
two hundred connections that are idle for ever beside it, or in its place (F35)."""

import os
import selectors
import socket
import struct
import threading

import lib
import peers
import shims
import trackers
from torrents import KIB, MIB

DEAD = 500
FIRST_BLOCK = 21  # seconds: four rounds of 128 dials, each given up after 5 s
IDLE = 200
PLACES = 100
SOON = 30         # seconds


class Crowd:
    """Peers that never serve, each with an address of its own, in one thread. Those that speak
    shake hands, have everything, and choke for ever; every second one is silent if `silent`."""

    def __init__(self, torrent, count, silent=False):
        self.torrent = torrent
        self.silent = silent
        self.servers = [socket.create_server(("127.0.%d.%d" % (7 + i // 200, 1 + i % 200), 0))
                        for i in range(count)]
        self.names = ["%s:%d" % server.getsockname() for server in self.servers]
        self.connected = 0   # now
        self.dropped = 0     # weft has hung up
        self.ends = False
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        """Ends the thread."""
        self.ends = True

    def _serve(self):
        selector = selectors.DefaultSelector()
        for number, server in enumerate(self.servers):
            speaks = not self.silent or number % 2
            selector.register(server, selectors.EVENT_READ, (self._accept, speaks))
        while not self.ends:
            for key, _ in selector.select(0.05):
                key.data[0](selector, key.fileobj, key.data[1])
        for key in list(selector.get_map().values()):
            key.fileobj.close()

    def _accept(self, selector, server, speaks):
        sock, _ = server.accept()
        self.connected += 1
        selector.register(sock, selectors.EVENT_READ, (self._hear, speaks))
        if speaks:
            pieces = len(self.torrent.pieces)
            bits = bytearray(b"\xff" * ((pieces + 7) // 8))
            bits[-1] &= 0xff00 >> (pieces - 1) % 8 + 1 & 0xff
            bitfield = struct.pack(">IB", 1 + len(bits), peers.BITFIELD) + bits
            sock.sendall(peers.PROTOCOL + bytes(8) + self.torrent.info_hash + b"-IDLE00-"
                         + os.urandom(12) + bitfield)

    def _hear(self, selector, sock, _):
        try:
            if sock.recv(4096):
                return
        except OSError:
            pass
        selector.unregister(sock)
        sock.close()
        self.connected -= 1
        self.dropped += 1


def threads_of(running):
    """How many threads weft has."""
    return len(os.listdir("/proc/%d/task" % running.process.pid))


def grants(running, limit):
    """Fails if weft has more threads or descriptors than `limit` connections may cost."""
    try:
        threads = threads_of(running)
        descriptors = len(os.listdir("/proc/%d/fd" % running.process.pid))
    except OSError:
        return
    lib.check(threads <= limit + 64 + 16, "%d threads" % threads)
    lib.check(descriptors <= 2 * (limit + 64) + 100, "%d descriptors" % descriptors)


class Late(peers.Peer):
    """An honest seeder that says nothing until it is told to go on."""

    def __init__(self, torrent, **rest):
        self.go = threading.Event()
        super().__init__(torrent, **rest)

    def accepted(self, connection):
        self.go.wait(SOON)
        super().accepted(connection)


def started(box, torrent, names, *arguments, env=None):
    """weft, with a tracker that names these peers."""
    box.tracker(lambda query: trackers.names(*names)(query), torrent)
    return box.start("download", "-o", box.downloads + "/", *arguments, torrent.file, env=env)


@lib.case("%d dead addresses and one that lives" % DEAD)
def _(box):
    # Whoever does not accept gets no more SYNs once as many wait as may: they vanish.
    full = socket.socket()
    full.bind(("0.0.0.0", 0))
    full.listen(0)
    fillers = [socket.socket() for _ in range(3)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", full.getsockname()[1]))
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    peer = box.peer(peers.Peer, torrent)
    dead = ["127.1.%d.%d:%d" % (i // 250, 1 + i % 250, full.getsockname()[1]) for i in range(DEAD)]
    # The tracker that knows the live one answers when all threads are busy with dead ones.
    go = threading.Event()
    late = box.tracker(lambda query: go.wait(SOON) and trackers.names(peer)(query))
    quick = box.tracker(trackers.names(*dead))
    torrent.write_torrent(torrent.file, [[late.url], [quick.url]])
    running = box.start("download", "-o", box.downloads + "/", torrent.file)
    lib.wait_for(lambda: threads_of(running) > 200, SOON, "two hundred dial", running)
    go.set()
    lib.wait_for(lambda: grants(running, 200) or peer.served, FIRST_BLOCK, "the first block",
                 running)
    running.wait(SOON, expect=0)
    box.compare(torrent)


@lib.case("%d idle connections beside a good one" % (IDLE - 1))
def _(box):
    torrent = box.torrent(32 * MIB, piece_length=256 * KIB)
    crowd = Crowd(torrent, IDLE - 1, silent=True)
    box.closers.append(crowd.close)
    peer = box.peer(Late, torrent)
    running = started(box, torrent, crowd.names + [peer])
    lib.wait_for(lambda: crowd.connected == IDLE - 1 and peer.connections, SOON, "all connected",
                 running)
    grants(running, 200)
    peer.go.set()
    result = running.wait(SOON, expect=0)
    lib.check(peer.connections == 1, "dialled the good one %d times" % peer.connections, result)
    box.compare(torrent)


@lib.case("all %d places are taken by idle ones: they are given up for one that serves" % PLACES)
def _(box):
    clocks = shims.Clocks(box)
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    crowd = Crowd(torrent, PLACES)
    box.closers.append(crowd.close)
    peer = box.peer(peers.Peer, torrent)
    names = list(crowd.names)
    running = started(box, torrent, names, "--max-peers", str(PLACES), "--timeout", "0",
                      env=clocks.env)
    lib.wait_for(lambda: crowd.connected == PLACES, SOON, "all places are taken", running)
    names.append(peer)
    seconds = 0
    while not peer.served:
        grants(running, PLACES)
        seconds += 1
        clocks.monotonic(seconds)
        lib.check(seconds < 300, "waited five minutes in vain", running.error_text())
        threading.Event().wait(0.03)
    print("# let in after %d s, %d idle ones were dropped" % (seconds, crowd.dropped))
    lib.check(crowd.dropped > 0, "there was a place for it all the time")
    running.wait(SOON, expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
