#!/usr/bin/python3 -B
"""Goal: peers that are silent, trickle, cut, choke, flap or claim what they do not serve cost
nothing but themselves: a good peer beside them completes the download (FAULTS F1 to F10, F24 to
F28). Also runs under ThreadSanitizer."""

import contextlib
import struct
import threading
import time

import lib
import peers
from torrents import KIB, MIB


def beside_a_good_one(text, make, count=3):
    """A case: some peers of one bad kind, one good one."""
    @lib.case("%s beside a good one" % text)
    def _(box):
        torrent = box.torrent(3 * MIB, piece_length=128 * KIB)
        bad = []
        for _ in range(count):
            bad.append(make(torrent))
            box.closers.append(bad[-1].close)
        box.download(torrent, peers=bad + [box.peer(peers.Slow, torrent, 3 * MIB)], expect=0)
        box.compare(torrent)
        lib.check(all(peer.connections for peer in bad), "a bad one was never tried")


class Dribbler(peers.Peer):
    """Sends its handshake one byte every two seconds (F4)."""

    def greet(self, connection):
        for at in range(68):
            connection.write(self.handshake()[at:at + 1])
            time.sleep(2)


class HalfMessage(peers.Peer):
    """Announces a message and sends half of it (F9)."""

    def introduce(self, connection):
        connection.message(peers.BITFIELD, self.bitfield())
        connection.message(peers.UNCHOKE)
        connection.write(b"\0\0\x40\x09\x07\0\0\0\0\0\0\0\0" + bytes(100))
        connection.drain()


class Rejecter(peers.Peer):
    """Speaks the fast extension and rejects every request (F27)."""

    reserved = bytes(7) + b"\x04"

    def serve(self, connection, index, begin, length):
        connection.message(16, struct.pack(">III", index, begin, length))


class FastChoker(peers.Peer):
    """Speaks the fast extension; chokes every few blocks and rejects what it drops (F24)."""

    reserved = bytes(7) + b"\x04"

    def serve(self, connection, index, begin, length):
        with self.lock:
            drop = len(self.requests) % 5 == 0
        if not drop:
            super().serve(connection, index, begin, length)
            return
        connection.message(peers.CHOKE)
        connection.message(16, struct.pack(">III", index, begin, length))
        connection.message(peers.UNCHOKE)


class Twice(peers.Peer):
    """Sends every block twice (F21)."""

    def serve(self, connection, index, begin, length):
        super().serve(connection, index, begin, length)
        super().serve(connection, index, begin, length)


class Backwards(peers.Peer):
    """Swaps neighbours: keeps one request, serves the next one first; what waits alone is served
    when nothing else comes."""

    def __init__(self, torrent):
        self.kept = {}
        super().__init__(torrent)

    def serve(self, connection, index, begin, length):
        with self.lock:
            kept = self.kept.pop(connection, None)
            if kept is None:
                self.kept[connection] = (index, begin, length)
        if kept is None:
            threading.Timer(0.2, self.flush, (connection, (index, begin, length))).start()
            return
        super().serve(connection, index, begin, length)
        super().serve(connection, *kept)

    def flush(self, connection, request):
        """Serves a request that is still kept."""
        with self.lock:
            if self.kept.get(connection) != request:
                return
            del self.kept[connection]
        with contextlib.suppress(peers.Gone):
            super().serve(connection, *request)


beside_a_good_one("peers that never speak", peers.Silent)
beside_a_good_one("peers that claim all and serve nothing", peers.Mute)
beside_a_good_one("peers that never unchoke", peers.Choker)
beside_a_good_one("peers that cut in the middle of a block", peers.Cutter)
beside_a_good_one("peers that cut before the first byte",
                  lambda torrent: peers.Cutter(torrent, blocks=0))
beside_a_good_one("peers that send a byte a second", peers.Trickler)
beside_a_good_one("peers that send their handshake in a minute", Dribbler)
beside_a_good_one("peers that stop in the middle of a message", HalfMessage)
beside_a_good_one("peers that choke and unchoke all the time", peers.Flapper)
beside_a_good_one("peers that reject every request", Rejecter)
beside_a_good_one("peers that choke and reject with the fast extension", FastChoker)
beside_a_good_one("peers that serve one piece of all they claim",
                  lambda torrent: peers.Liar(torrent, has=[0]))
beside_a_good_one("peers that send every block twice", Twice)


@lib.case("one of each beside a good one")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=256 * KIB)
    kinds = [peers.Silent, peers.Mute, peers.Choker, peers.Cutter, peers.Trickler, Dribbler,
             HalfMessage, peers.Flapper, Rejecter, FastChoker, peers.Liar, Twice]
    swarm = [box.peer(kind, torrent) for kind in kinds]
    box.download(torrent, peers=swarm + [box.peer(peers.Slow, torrent, 3 * MIB)], expect=0)
    box.compare(torrent)


def alone_choking_every(blocks):
    """A case: hundreds of chokes a second, and requests from before the choke are answered."""
    @lib.case("the only peer chokes all the time; blocks in between: %d" % blocks)
    def _(box):
        torrent = box.torrent(16 * MIB, piece_length=128 * KIB)
        flapper = box.peer(peers.Flapper, torrent, blocks)
        result = box.download(torrent, peers=[flapper], expect=0)
        box.compare(torrent)
        lib.check(flapper.connections == 1, "it was left", result)
        lib.check(flapper.served <= 20 * MIB, "%d bytes were fetched" % flapper.served, result)


for every in (1, 3, 20):
    alone_choking_every(every)


@lib.case("the only peer withholds two pieces: all others come, and quickly")
def _(box):
    torrent = box.torrent(8 * MIB, piece_length=128 * KIB)
    liar = box.peer(peers.Liar, torrent, set(range(64)) - {5, 40})
    result = box.download(torrent, "--json", "--stall-timeout", "12", peers=[liar], expect=7)
    verified = [event["verified"] for event in result.events("progress")]
    lib.check(verified[-1] == 62 * 128 * KIB, "%d bytes verified" % verified[-1], result)
    lib.check(liar.served < 8 * MIB, "%d bytes fetched" % liar.served, result)


@lib.case("the only peer cuts every connection after a while and is dialled again")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    first = box.peer(peers.Cutter, torrent, 20)
    second = box.peer(peers.Cutter, torrent, 20)
    third = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[first, second, third], expect=0)
    box.compare(torrent)


@lib.case("blocks in another order than they were asked for")
def _(box):
    torrent = box.torrent(2 * MIB, piece_length=128 * KIB)
    box.download(torrent, peers=[box.peer(Backwards, torrent)], expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
