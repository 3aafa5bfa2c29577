#!/usr/bin/python3 -B
"""Goal: nothing is written outside the output directory, whatever the torrent names its files and
whatever links lie there; and no name reaches the terminal as it is."""

import os
import re

import lib
import peers
from torrents import KIB

TRAVERSALS = [
    ("an element of two dots", [([b"..", b"..", b"evil"], 100)]),
    ("an absolute path", [([b"/etc/evil"], 100)]),
    ("slashes inside an element", [([b"../../evil"], 100)]),
    ("backslashes", [([b"..\\..\\evil"], 100)]),
    ("dots and empty elements", [([b".", b"", b"..", b"evil"], 100)]),
    ("an element of nothing but dots", [([b"..."], 100), ([b"."], 5)]),
    ("a NUL inside", [([b"evil\0name"], 100)]),
    ("an overlong encoding of two dots", [([b"\xc0\xae\xc0\xae", b"evil"], 100)]),
    ("an element of 400 bytes", [([b"x" * 400], 100)]),
    ("the same name twice", [([b"same"], 100), ([b"same"], 50)]),
    ("a file and a folder of one name", [([b"same"], 100), ([b"same", b"below"], 50)]),
    ("a name of escape sequences", [([b"\x1b]0;evil\x07\x1b[2J\xc2\x9b31m\xe2\x80\xaetxt"], 100)]),
    ("the name of the record", [([b".payload.weft"], 100)]),
]


def outside(box):
    """Every path in the box's folder but the downloads and the logs of programs."""
    return sorted(os.path.join(where, name) for where, folders, files in os.walk(box.folder)
                  for name in folders + files
                  if not os.path.join(where, name).startswith(box.downloads)
                  and not re.match(r"(out|err|log)\.\d+$", name))


def stays_inside(box, torrent):
    """Downloads; whatever the exit code, nothing may have appeared outside."""
    peer = box.peer(peers.Peer, torrent)
    before = outside(box)
    result = box.download(torrent, "--timeout", "5", peers=[peer])
    lib.check(outside(box) == before, "written outside", set(outside(box)) - set(before), result)
    lib.check(not os.path.exists("/etc/evil"), "written to /etc", result)
    control = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202e]"
    lib.check(not re.search(control, result.err + result.out),
              "control characters on the terminal", repr(result.err))
    return result


def hostile(text, files):
    """A case for one set of paths; a download that works must have all the bytes somewhere."""
    @lib.case("paths with %s stay inside" % text)
    def _(box):
        torrent = box.torrent(files, piece_length=16 * KIB)
        result = stays_inside(box, torrent)
        lib.check(result.code in (0, 3, 5), "exit %d" % result.code, result)
        if result.code == 0:
            sizes = sorted(os.lstat(os.path.join(where, name)).st_size
                           for where, _, names in os.walk(os.fsencode(box.downloads))
                           for name in names)
            lib.check(sizes == sorted(length for _, length in files), "lengths %s" % sizes, result)


for description, paths in TRAVERSALS:
    hostile(description, paths)


def named(text, name):
    """A case for one name of a torrent."""
    @lib.case("a torrent whose name is %s stays inside" % text)
    def _(box):
        for files in (300, [("one", 100), ("a/two", 200)]):
            result = stays_inside(box, box.torrent(files, name=name, piece_length=16 * KIB))
            lib.check(result.code in (0, 3, 5), "exit %d" % result.code, result)


for description, text in (("two dots", b".."), ("an absolute path", b"/tmp/evil"), ("empty", b""),
                          ("a path", b"../../evil"), ("a dot", b"."),
                          ("an escape sequence", b"\x1b[31mred\x1b]52;c;ZXZpbA==\x07")):
    named(description, text)


@lib.case("a link in the output directory is not followed, neither to a folder nor to a file")
def _(box):
    torrent = box.torrent([("folder/file", 100 * KIB), ("plain", 50 * KIB)], piece_length=16 * KIB)
    target = box.path("target")
    os.mkdir(target)
    letter = box.path("letter")
    with open(letter, "wb") as out:
        out.write(b"mine")
    for link, to in (("folder", target), ("plain", letter), ("folder", "../.."),
                     ("plain", "/proc/self/environ")):
        top = os.path.join(box.downloads, "payload")
        os.makedirs(top, exist_ok=True)
        for name in os.listdir(top):
            os.remove(os.path.join(top, name))
        os.symlink(to, os.path.join(top, link))
        result = stays_inside(box, torrent)
        lib.check(result.code == 5, "exit %d" % result.code, result)
        lib.check(os.path.islink(os.path.join(top, link)), "the link is gone", result)
        with open(letter, "rb") as data:
            lib.check(data.read() == b"mine", "the letter changed", result)


@lib.case("a link in place of the top folder is not followed")
def _(box):
    torrent = box.torrent([("one", 100 * KIB)], piece_length=16 * KIB)
    os.mkdir(box.path("target"))
    os.symlink(box.path("target"), os.path.join(box.downloads, "payload"))
    result = stays_inside(box, torrent)
    lib.check(result.code == 5, "exit %d" % result.code, result)


@lib.case("a link that the user names as the output directory is followed: it is his")
def _(box):
    torrent = box.torrent(100 * KIB)
    os.symlink(box.downloads, box.path("link"))
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], output=box.path("link") + "/",
                 expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
