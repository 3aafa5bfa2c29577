#!/usr/bin/python3 -B
"""Goal: the smallest torrents and the edges of block and piece arrive: one byte, exactly one
block, one block and a byte, pieces of one block, pieces shorter than a block, an odd piece
length, and more seeders than there is to fetch."""

import lib
import peers
from torrents import BLOCK, KIB

# (bytes, piece length, seeders)
EDGES = [
    (1, 16 * KIB, 1),
    (1, 256 * KIB, 3),
    (BLOCK, 16 * KIB, 1),
    (BLOCK, 32 * KIB, 1),
    (BLOCK + 1, 32 * KIB, 1),
    (BLOCK - 1, 16 * KIB, 1),
    (2 * BLOCK, 16 * KIB, 3),
    (10 * 16 * KIB, 16 * KIB, 3),
    (7 * 32 * KIB + 5, 32 * KIB, 3),
    (5000, 1000, 2),
    (100001, 33333, 2),
    (3, 1, 1),
    (9 * 16 * KIB, 144 * KIB, 2),
]


def arrives(total, piece_length, seeders):
    """A case for one edge."""
    @lib.case("%d bytes in pieces of %d from %d" % (total, piece_length, seeders))
    def _(box):
        torrent = box.torrent(total, piece_length=piece_length)
        box.download(torrent, peers=[box.peer(peers.Peer, torrent) for _ in range(seeders)],
                     expect=0)
        box.compare(torrent)


for edge in EDGES:
    arrives(*edge)


@lib.case("one byte arrives from libtorrent")
def _(box):
    torrent = box.torrent(1)
    box.download(torrent, peers=[box.libtorrent(torrent)], expect=0)
    box.compare(torrent)


@lib.case("an empty single file needs no peer")
def _(box):
    torrent = box.torrent(0)
    box.download(torrent, expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
