#!/usr/bin/python3 -B
"""Goal: padding files (BEP 47) are fetched or not, but never written; the files around
them arrive."""

import lib
import peers
from torrents import KIB

PIECE = 64 * KIB
FILES = [("one", 100 * KIB), (None, 28 * KIB), ("b/two", 1), (None, 64 * KIB - 1),
         ("three", 70 * KIB)]


@lib.case("a torrent with padding arrives from libtorrent")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    box.download(torrent, peers=[box.libtorrent(torrent)], expect=0)
    box.compare(torrent)


@lib.case("a torrent with padding arrives from a scripted peer")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("whole pieces of padding, and padding at the end")
def _(box):
    torrent = box.torrent([("one", 10), (None, 3 * PIECE - 10), ("two", 5), (None, PIECE - 5)],
                          piece_length=PIECE)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("a download with padding is complete when it is looked at again")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    torrent.write_data(box.downloads)
    box.download(torrent, expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
