#!/usr/bin/python3 -B
"""Goal: who is the only hope is not given up: a seeder whose connection is cut again and again
serves the whole torrent; a liar that does the same does not come back for ever."""


import lib
import peers
from torrents import KIB, MIB

TRIES_OF_A_LIAR = 100


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


if __name__ == "__main__":
    lib.main()
