#!/usr/bin/python3 -B
"""Goal: who is the only hope is not given up: a seeder whose connection is cut again and again
serves the whole torrent; a liar that does the same does not come back for ever. Who is not there
yet is called again before the time is up, and so is a tracker that knew nobody."""

import threading

import lib
import peers
import trackers
from torrents import KIB, MIB, bencode

TRIES_OF_A_LIAR = 100
ADDRESS = "127.0.5.1"


class Fickle(peers.Peer):
    """Hangs up after `blocks` blocks, on each connection."""

    def __init__(self, torrent, blocks, **rest):
        self.blocks = blocks
        super().__init__(torrent, **rest)

    def accepted(self, connection):
        connection.left = self.blocks
        super().accepted(connection)

    def serve(self, connection, index, begin, length):
        super().serve(connection, index, begin, length)
        connection.left -= 1
        if connection.left == 0:
            raise peers.Gone()


class FickleLiar(peers.Corrupt, Fickle):
    """The same, and every block is wrong."""


def fickle_alone(pieces, blocks):
    """A case: there is nobody else."""
    @lib.case("the only peer hangs up after every %d blocks, pieces have %d KiB"
              % (blocks, pieces // KIB))
    def _(box):
        torrent = box.torrent(16 * MIB, piece_length=pieces)
        peer = box.peer(Fickle, torrent, blocks)
        result = box.download(torrent, peers=[peer], expect=0)
        box.compare(torrent)
        lib.check(peer.served < 32 * MIB, "%d bytes were sent" % peer.served, result)


for size, count in ((256 * KIB, 64), (256 * KIB, 3), (8 * MIB, 64), (16 * MIB, 500)):
    fickle_alone(size, count)


def fickle_liar(blocks):
    """A case: a liar beside a slow honest peer."""
    @lib.case("a liar that hangs up after %d blocks does not come back for ever" % blocks)
    def _(box):
        torrent = box.torrent(8 * MIB, piece_length=256 * KIB)
        liar = box.peer(FickleLiar, torrent, blocks=blocks)
        good = box.peer(peers.Slow, torrent, 2 * MIB)
        result = box.download(torrent, peers=[liar, good], expect=0)
        box.compare(torrent)
        lib.check(liar.connections <= TRIES_OF_A_LIAR, "%d connections" % liar.connections, result)


for count in (1, 5, 40):
    fickle_liar(count)


@lib.case("a seeder that is not there yet is called again soon")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    port = lib.free_port(ADDRESS)
    running = box.start_download(torrent, "--timeout", "30", "-vv",
                                 peers=["%s:%d" % (ADDRESS, port)])
    lib.wait_for(lambda: "dialling: refused" in running.error_text(), 20, "a refusal", running)
    box.peer(peers.Peer, torrent, address=ADDRESS, port=port)
    running.wait(expect=0)
    box.compare(torrent)


@lib.case("a tracker that knew nobody is asked again as soon as it allows")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    peer = box.peer(peers.Peer, torrent)
    known = []
    def answer(_):
        body = bencode({"interval": 10, "min interval": 10, "peers": trackers.compact(known)})
        known[:] = [peer]
        return body
    tracker = box.tracker(answer, torrent)
    box.weft("download", "-o", box.downloads + "/", "--timeout", "40", torrent.file, expect=0)
    box.compare(torrent)
    lib.check(len(tracker.queries) >= 2, "asked %d times" % len(tracker.queries))


class Hesitant(peers.Peer):
    """Shakes hands when it is told to."""

    def __init__(self, torrent, **rest):
        self.go = threading.Event()
        super().__init__(torrent, **rest)

    def greet(self, connection):
        self.go.wait(30)
        super().greet(connection)


@lib.case("the time is up while somebody new is being reached: that gets its chance")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    peer = box.peer(Hesitant, torrent)
    running = box.start_download(torrent, "--timeout", "1", peers=[peer])
    threading.Timer(3, peer.go.set).start()
    running.wait(expect=0)
    box.compare(torrent)


class Thief(peers.Peer):
    """Shows the peer id of another, has nothing, and stays."""

    def introduce(self, connection):
        self.bitfield([])


@lib.case("who copies the peer id of the only seeder does not lock it out")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    thief = box.peer(Thief, torrent, address=ADDRESS)
    seeder = box.peer(Hesitant, torrent)
    thief.peer_id = seeder.peer_id
    running = box.start_download(torrent, "-vv", "--stall-timeout", "40", peers=[thief, seeder])
    lib.wait_for(lambda: thief.connections, 20, "the thief is there", running)
    threading.Timer(1, seeder.go.set).start()
    running.wait(expect=0)
    box.compare(torrent)
    lib.check(seeder.connections > 1, "it was let in at once")


if __name__ == "__main__":
    lib.main()
