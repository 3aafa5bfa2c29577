#!/usr/bin/python3 -B
"""Goal: `weft info` as a page that one reads from top to bottom: the exercise's lines, name and
size, trackers by tier, the files as a tree, and warnings about whatever is odd; and as JSON that
holds all of it."""

import fcntl
import hashlib
import json
import os
import pty
import re
import struct
import subprocess
import termios

import lib
from torrents import KIB, bencode


def info(box, torrent, *options):
    """stdout of weft info, which must end with 0 and say nothing on stderr."""
    done = subprocess.run([lib.WEFT, "info", torrent] + list(options), cwd=box.folder,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    lib.check(done.returncode == 0 and done.stderr == b"", done.returncode, done.stderr)
    for byte in done.stdout:
        lib.check(byte >= 32 and byte != 127 or byte == 10, "control character %#x" % byte)
    return done.stdout.decode()


def write(box, root, **more):
    """A torrent of the dictionary `root`, with one file and `more` in its info."""
    fields = {"length": 5, "name": "x", "piece length": 16384, "pieces": b"x" * 20}
    fields.update(more)
    path = box.path("made.torrent")
    with open(path, "wb") as out:
        out.write(bencode(dict({"announce": "http://t/", "info": fields}, **root)))
    return path


@lib.case("the page: name, size, trackers by tier, web seeds, files as a tree")
def _(box):
    torrent = box.torrent([("b/two", 300), ("a", 20 * KIB), (None, 100), ("b/c/three", 7)],
                          piece_length=16 * KIB, name="top", extra={
                              "announce-list": [["http://one/", "http://two/"], ["udp://three:1"]],
                              "url-list": ["http://web/"], "comment": "a remark"})
    page = info(box, torrent.file).split("\n\n", 1)[1]
    for part in ("Name: top\nSize: 20.3 KiB in 3 files, 2 pieces of 16.0 KiB\n",
                 "Comment: a remark\n", "Web seeds:\n  http://web/\n",
                 "Trackers:\n  tier 1: http://one/\n          http://two/\n"
                 "  tier 2: udp://three:1\n",
                 "Files:\n         top/\n  20480    a\n           b/\n             c/\n"
                 "      7        three\n    300      two\n"
                 "  and 1 of padding, 100 bytes, which are not saved\n"):
        lib.check(part in page, "lacks %r" % part, page)


@lib.case("what is odd stands at the end, and in JSON with its code")
def _(box):
    odd = {
        "private-no-tracker": ({"announce": ""}, {"private": 1}),
        "piece-length": ({}, {"piece length": 20000}),
        "unsafe-name": ({}, {"name": b"../\x1b]0;x\x07"}),
        "tracker-scheme": ({"announce": "gopher://t"}, {}),
        "unknown-key": ({}, {"zz": 1}),
    }
    lib.check("Warnings" not in info(box, write(box, {})), "an ordinary torrent is odd")
    lib.check(json.loads(info(box, write(box, {}), "--json"))["warnings"] == [], "odd in JSON")
    for code, (root, fields) in odd.items():
        path = write(box, root, **fields)
        found = json.loads(info(box, path, "--json"))["warnings"]
        lib.check([w["code"] for w in found] == [code], code, found)
        page = info(box, path)
        tail = " ".join(page.split("Warnings:\n")[1].split())
        lib.check(tail == " ".join(found[0]["text"].split()), page, found)
        lib.check(max(map(len, page.split("Warnings:\n")[1].split("\n"))) <= 80, page)


@lib.case("files that would meet are named as they are saved")
def _(box):
    torrent = box.torrent([("a/one", 5), ("a/ONE", 6), ("a/one", 7), ("a", 8)],
                          piece_length=16 * KIB)
    codes = [w["code"] for w in json.loads(info(box, torrent.file, "--json"))["warnings"]]
    for code in ("same-path", "case-clash", "file-and-folder"):
        lib.check(code in codes, code, codes)


@lib.case("however many files have one name, they are counted, and nothing is an error")
def _(box):
    for count, codes in ((400, ["same-path"]), (600, ["same-path", "too-many-alike"])):
        path = box.path("alike.torrent")
        with open(path, "wb") as out:
            out.write(bencode({"announce": "http://t/", "info": {
                "files": [{"length": 1, "path": ["x"]}] * count, "name": "n",
                "piece length": 16384, "pieces": b"x" * 20}}))
        found = json.loads(info(box, path, "--json"))["warnings"]
        lib.check([w["code"] for w in found] == codes, str(found))
        lib.check(found[0]["text"].startswith("%d files with the path of another" % (count - 1)),
                  str(found))
        lib.check("%d files with the path" % (count - 1) in info(box, path), "not in the text")
    done = box.weft(path, "--no-trackers", "--timeout", "1s")
    lib.check(done.code != 0 and "more than 500 files" in done.err, done)


def on_terminal(columns, *arguments):
    """The lines that weft writes to a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    process = subprocess.Popen([lib.WEFT] + list(arguments), stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True)
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            break
        if not part:
            break
        text += part
    os.close(master)
    lib.check(process.wait(60) == 0, text)
    return text.decode().replace("\r\n", "\n").split("\n")


@lib.case("the page fits its terminal but for what is to be copied, and without one 80 columns")
def _(box):
    torrent = box.torrent([("a", 20 * KIB), (None, 100), ("b", 7)], piece_length=16 * KIB, extra={
        "comment": "a remark that is of many words, so many that it has to be wrapped " * 2})
    hybrid = os.path.join(lib.HERE, "..", "..", "fixtures", "hybrid.torrent")
    for path in (torrent.file, hybrid, write(box, {"announce": ""}, private=1, name="")):
        for columns in (40, 60, 80):
            lines = on_terminal(columns, "info", path)
            wide = [line for line in lines if len(line) > columns
                    and not re.search("[0-9a-f]{40}|^Tracker URL:", line)]
            lib.check(wide == [], "%d columns" % columns, wide)
        text = info(box, path)
        lib.check(max(map(len, text.split("\n"))) <= 80, text)
        lib.check(" ".join(text.split()) == " ".join(" ".join(lines).split()), text, lines)
    lib.check("Info Hash v2: 2d4c" in info(box, hybrid), "the hash is not beside its name")


@lib.case("help fits a narrow terminal, and says what it says on a wide one")
def _(box):
    del box
    names = [line.split()[0] for line in on_terminal(80, "-h") if line.startswith("  ")
             and line[2:3].islower()]
    lib.check(len(names) > 15, "commands", names)
    for arguments in [["-h"]] + [[name, "-h"] for name in names]:
        wanted = on_terminal(80, *arguments)
        for columns in (30, 40, 60, 79):
            lines = on_terminal(columns, *arguments)
            wide = [line for line in lines if len(line) > columns]
            lib.check(wide == [], "%d columns" % columns, arguments, wide)
            lib.check(" ".join(lines).split() == " ".join(wanted).split(), "other words", lines)
        lib.check(max(map(len, wanted)) <= 80, "too wide", wanted)


@lib.case("a date is shown whatever it is")
def _(box):
    for date, text in ((0, "1970-01-01 00:00:00"), (-5, "1969-12-31 23:59:55")):
        path = write(box, {"creation date": date})
        lib.check("Created: %s UTC\n" % text in info(box, path), str(date), info(box, path))
        document = json.loads(info(box, path, "--json"))
        lib.check(document["creation_date"] == date, str(date), document)
        lib.check([w["code"] for w in document["warnings"]] == ["date"], str(document))
    lib.check("creation_date" not in json.loads(info(box, write(box, {}), "--json")), "no date")


@lib.case("bytes that are not canonical are said, each at its offset, and the range that is hashed")
def _(box):
    with open(write(box, {}), "rb") as source:
        data = source.read()
    with open(box.path("made.torrent"), "wb") as out:
        out.write(data.replace(b"d8:announce9:http://t/", b"d")[:-1]
                  + b"8:announce9:http://t/e\n")
    page = info(box, "made.torrent")
    document = json.loads(info(box, "made.torrent", "--json"))
    with open(box.path("made.torrent"), "rb") as source:
        data = source.read()
    where = [(d["at"], d["code"]) for d in document["departures"]]
    lib.check(where == [(data.index(b"8:announce"), "unsorted-key"),
                        (len(data) - 1, "trailing-bytes")], where)
    lib.check("not canonical in 2 places" in page and document["canonical"] is False, page)
    part = data[document["info_offset"]:][:document["info_length"]]
    lib.check(hashlib.sha1(part).hexdigest() == document["info_hash"], document)
    lib.check(document["torrent_length"] == len(data), document)


@lib.case("many files: 50 are shown, JSON has all, and it takes no more than it must")
def _(box):
    count = 100000
    files = [{"length": 1, "path": ["d%03d" % (i % 100), "f%d" % i]} for i in range(count)]
    path = box.path("many.torrent")
    with open(path, "wb") as out:
        out.write(bencode({"announce": "http://t/", "info": {
            "files": files, "name": "many", "piece length": 1 << 17, "pieces": b"x" * 20}}))
    page = info(box, path)
    lib.check("and %d more files: 'weft files' lists all" % (count - 50) in page, page[-300:])
    lib.check(page.count("\n") < 80 and "Warnings" not in page, page[-2000:])
    document = json.loads(info(box, path, "--json"))
    lib.check([f["path"][1:] for f in document["files"]] == [f["path"] for f in files], "files")
    os.remove(path)


if __name__ == "__main__":
    lib.main()
