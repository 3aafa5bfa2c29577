#!/usr/bin/python3 -B
"""Goal: nested folders, empty files, pieces that span files and a short last piece arrive whole,
from aria2 and from libtorrent. Also runs under ThreadSanitizer."""

import os
import stat

import lib
import peers
from torrents import KIB, MIB

FILES = [("first", 1), ("a/b/c/deep", 700 * KIB + 3), ("a/empty", 0), ("a/b/also empty", 0),
         ("a/small", 17), ("a/b/medium", 2 * MIB - 1), ("last", 100 * KIB + 1)]


@lib.case("many files arrive from aria2")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    box.download(torrent, peers=[box.aria2(torrent)], expect=0)
    box.compare(torrent)


@lib.case("many files arrive from libtorrent and aria2 together")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    box.download(torrent, peers=[box.libtorrent(torrent), box.aria2(torrent)], expect=0)
    box.compare(torrent)


@lib.case("a torrent of nothing but empty files needs no peer")
def _(box):
    torrent = box.torrent([("one", 0), ("two/three", 0)])
    box.download(torrent, expect=0)
    box.compare(torrent)


@lib.case("a thousand files of a few bytes arrive with few descriptors")
def _(box):
    torrent = box.torrent([("d%d/f%d" % (i % 10, i), i % 50) for i in range(1000)],
                          piece_length=16 * KIB)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0,
                 prefix=["bash", "-c", 'ulimit -n 40; exec "$@"', "-"])
    box.compare(torrent)


@lib.case("-o with a new name renames the top folder, and files are neither executable nor private")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)],
                 output=os.path.join(box.downloads, "renamed"), expect=0,
                 prefix=["bash", "-c", 'umask 022; exec "$@"', "-"])
    box.compare(torrent, top="renamed")
    for path, _ in torrent.places(box.downloads, "renamed"):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        lib.check(mode == 0o644, "%r has mode %o" % (path, mode))


if __name__ == "__main__":
    lib.main()
