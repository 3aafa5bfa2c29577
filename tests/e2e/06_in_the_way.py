#!/usr/bin/python3 -B
"""Goal: what belongs to somebody else stays as it is. A foreign file, folder or link where the
download should go ends it with exit 5, names it, and touches nothing; --overwrite allows files."""

import os

import lib
import peers
from torrents import KIB

FILES = [("a/one", 300 * KIB), ("b/two", 200 * KIB)]
LETTER = b"my own letter, nothing to do with any torrent\n" * 1000


def refused(box, torrent, path, before):
    """Downloads; fails unless that ends with 5, names the path, and leaves everything as it was."""
    result = box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=5)
    lib.check(path in result.err, "does not name %s" % path, result)
    after = snapshot(box.downloads)
    lib.check(before == after, "something changed", before.keys(), after.keys(), result)


def snapshot(folder):
    """{path: (mode, size, time, link or content)} of everything below a folder."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            state = os.lstat(path)
            content = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as data:
                    content = data.read()
            times = () if os.path.isdir(path) else (state.st_mtime_ns, state.st_size)
            found[path] = (state.st_mode, times, content)
    return found


def write(path, content=LETTER):
    """A file, with its folders; returns the path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(content)
    return path


@lib.case("a foreign file of the same name is left alone")
def _(box):
    torrent = box.torrent(500 * KIB, piece_length=64 * KIB)
    path = write(os.path.join(box.downloads, "payload"))
    refused(box, torrent, path, snapshot(box.downloads))


@lib.case("a foreign file of the same name and length is left alone")
def _(box):
    torrent = box.torrent(len(LETTER), piece_length=16 * KIB)
    path = write(os.path.join(box.downloads, "payload"))
    refused(box, torrent, path, snapshot(box.downloads))


@lib.case("a foreign file deep in the folder is left alone, and nothing is put beside it")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = write(os.path.join(box.downloads, "payload", "b", "two"))
    refused(box, torrent, path, snapshot(box.downloads))


@lib.case("a folder where a file should be")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = os.path.join(box.downloads, "payload", "b", "two")
    os.makedirs(path)
    refused(box, torrent, path, snapshot(box.downloads))


@lib.case("a file where a folder should be")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = write(os.path.join(box.downloads, "payload", "a"))
    refused(box, torrent, path, snapshot(box.downloads))


@lib.case("a hard link to somebody's file is never written through")
def _(box):
    torrent = box.torrent(500 * KIB, piece_length=64 * KIB)
    letter = write(box.path("letter"), torrent.data[:100 * KIB] + LETTER)
    path = os.path.join(box.downloads, "payload")
    os.link(letter, path)
    refused(box, torrent, path, snapshot(box.downloads))
    with open(letter, "rb") as data:
        lib.check(data.read() == torrent.data[:100 * KIB] + LETTER, "the letter changed")


@lib.case("--overwrite replaces a foreign file")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    write(os.path.join(box.downloads, "payload", "b", "two"), LETTER * 20)
    box.download(torrent, "--overwrite", peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("a missing output folder with a missing parent is told")
def _(box):
    torrent = box.torrent(100 * KIB)
    path = os.path.join(box.downloads, "file", "name")
    write(os.path.join(box.downloads, "file"))
    result = box.download(torrent, output=path, expect=5)
    lib.check("file" in result.err, "does not say what is in the way", result)


if __name__ == "__main__":
    lib.main()
