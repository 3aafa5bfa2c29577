#!/usr/bin/python3 -B
"""Goal: what belongs to somebody else stays as it is. A foreign file, folder or link where the
download should go ends it with exit 5, names it, and touches nothing; --overwrite allows files."""

import os
import shutil
import signal

import disks
import lib
import peers
from torrents import KIB, MIB

FILES = [("a/one", 300 * KIB), ("b/two", 200 * KIB)]
LETTER = b"my own letter, nothing to do with any torrent\n" * 1000


def refused(box, torrent, path, before):
    """Downloads; fails unless that ends with 5, names the path, and leaves everything as it was."""
    result = box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=5)
    lib.check(path in result.err, "does not name %s" % path, result)
    after = disks.snapshot(box.downloads)
    lib.check(before == after, "something changed", before.keys(), after.keys(), result)


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
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a foreign file of the same name and length is left alone")
def _(box):
    torrent = box.torrent(len(LETTER), piece_length=16 * KIB)
    path = write(os.path.join(box.downloads, "payload"))
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a foreign file deep in the folder is left alone, and nothing is put beside it")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = write(os.path.join(box.downloads, "payload", "b", "two"))
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a foreign file beside files that are right is left alone")
def _(box):
    torrent = box.torrent([("a.bin", 256 * KIB), ("diary", 300 * KIB)], piece_length=256 * KIB)
    write(os.path.join(box.downloads, "payload", "a.bin"), torrent.data[:256 * KIB])
    path = write(os.path.join(box.downloads, "payload", "diary"), LETTER * 20)
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a foreign file where the torrent has an empty one is left alone")
def _(box):
    torrent = box.torrent([("a", 300 * KIB), ("empty", 0)], piece_length=64 * KIB)
    write(os.path.join(box.downloads, "payload", "a"), torrent.data[:200 * KIB])
    path = write(os.path.join(box.downloads, "payload", "empty"), b"!")
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a file that replaces one of ours between two runs is left alone")
def _(box):
    torrent = box.torrent([("a", 4 * MIB), ("b", 4 * MIB)], piece_length=64 * KIB)
    box.interrupted(torrent, 4 * MIB, 2 * MIB)
    path = os.path.join(box.downloads, "payload", "b")
    os.remove(path)
    write(path)  # perhaps with the inode number of the other
    refused(box, torrent, path, disks.snapshot(box.downloads))
    os.remove(path)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("small files of which no piece verifies yet are ours after a kill, and after SIGINT")
def _(box):
    torrent = box.torrent([("f%d" % i, 20 * KIB) for i in range(50)], piece_length=1 * MIB)
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        box.interrupted(torrent, 1 * MIB, 300 * KIB, number, code)
    lib.check(disks.bytes_used(box.downloads) > 0, "nothing was written")
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("a file of nothing but zeros, with no record, is in nobody's way")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = write(os.path.join(box.downloads, "payload", "a", "one"), b"")
    os.truncate(path, 300 * KIB)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("a folder where a file should be")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = os.path.join(box.downloads, "payload", "b", "two")
    os.makedirs(path)
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a file where a folder should be")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    path = write(os.path.join(box.downloads, "payload", "a"))
    refused(box, torrent, path, disks.snapshot(box.downloads))


@lib.case("a hard link to somebody's file is never written through")
def _(box):
    torrent = box.torrent(500 * KIB, piece_length=64 * KIB)
    letter = write(box.path("letter"), torrent.data[:100 * KIB] + LETTER)
    path = os.path.join(box.downloads, "payload")
    os.link(letter, path)
    refused(box, torrent, path, disks.snapshot(box.downloads))
    with open(letter, "rb") as data:
        lib.check(data.read() == torrent.data[:100 * KIB] + LETTER, "the letter changed")


def beside(text, files, obstacle):
    """A case: `obstacle(box, path)` puts something where the record would be. The download is done
    without it, whether it is interrupted or not."""
    @lib.case("%s by the name of the resume record is left alone" % text)
    def _(box):
        torrent = box.torrent(files, piece_length=64 * KIB)
        for name in (".payload.weft", ".payload.weft.new"):
            path = os.path.join(box.downloads, name)
            obstacle(box, path)
            before = disks.snapshot(box.downloads)
            result, _ = box.interrupted(torrent, 4 * MIB, 1 * MIB)
            lib.check(name in result.err and "left alone" in result.err, "does not say so", result)
            rest = box.peer(peers.Peer, torrent)
            box.download(torrent, peers=[rest], expect=0)
            lib.check(rest.served < len(torrent.data), "does not go on")
            after = disks.snapshot(box.downloads)
            lib.check({p: after.get(p) for p in before} == before, "changed", *after)
            shutil.rmtree(os.path.join(box.downloads, "payload"), ignore_errors=True)
            for left in box.listing():  # the obstacle, and a single file
                left = os.path.join(box.downloads, left)
                lib.check(left in before or left.endswith("/payload"), "%s is left behind" % left)
                os.rmdir(left) if os.path.isdir(left) else os.remove(left)


def other_record(box, path):
    """The record of another torrent of that name."""
    other = box.torrent(4 * MIB, seed=box.number())
    folder = box.path("other.%d" % box.number())
    os.mkdir(folder)
    box.interrupted(other, 4 * MIB, 1 * MIB, output=folder + "/")
    os.rename(os.path.join(folder, ".payload.weft"), path)


beside("a letter", 4 * MIB, lambda box, path: write(path))
beside("a folder", [("a", 4 * MIB)], lambda box, path: os.mkdir(path))
beside("a link", 4 * MIB, lambda box, path: os.symlink("/etc/passwd", path))
beside("another torrent's record", [("a", 4 * MIB)], other_record)


@lib.case("--overwrite replaces a foreign file")
def _(box):
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    write(os.path.join(box.downloads, "payload", "b", "two"), LETTER * 20)
    write(os.path.join(box.downloads, "payload", "a", "one"), torrent.data[:300 * KIB])
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
