#!/usr/bin/python3 -B
"""Goal: making and changing torrents destroys nothing. `weft edit` keeps every tracker that nobody
named, whether anybody could use it or not; `weft create` never replaces data by their torrent."""

import os

import lib
from torrents import Torrent, bdecode


def decoded(path):
    """The outermost dictionary of a torrent."""
    with open(path, "rb") as source:
        return bdecode(source.read())[0]


def listed(values):
    """A list of tiers as it comes out of bdecode."""
    if isinstance(values, list):
        return [listed(value) for value in values]
    return values.encode() if isinstance(values, str) else values


@lib.case("edit keeps the trackers that nobody named, usable or not, however many")
def _(box):
    many = [["http://t%d/" % i] for i in range(70)]
    odd = [["http://b/", "http://has blank/"], "http://bare/", [], 5]
    crowd = ["http://t%d/" % i for i in range(100)]
    new = ["--add-tracker", "http://new/"]
    for before, words, after in (
            ([["http://b/"]], new, [["http://b/"], ["http://new/"]]),
            (odd, new, odd + [["http://new/"]]),
            (odd, ["--remove-tracker", "http://b/"], [["http://has blank/"]] + odd[1:]),
            (many, ["--remove-tracker", "http://t0/"], many[1:]),
            ([crowd], new, [crowd, ["http://new/"]])):
        torrent = Torrent(1000)
        path = torrent.write_torrent(box.path("t.torrent"), **{"announce": "http://main/",
                                                              "announce-list": before})
        box.weft("edit", *words, path, expect=0)
        root = decoded(path)
        lib.check(root[b"announce"] == b"http://main/", "announce is another", root)
        lib.check(root[b"announce-list"] == listed(after), "other trackers", words, root)
    path = torrent.write_torrent(box.path("t.torrent"), **{"announce": "http://main/",
                                                          "announce-list": many})
    with open(path, "rb") as source:
        kept = source.read()
    refused = box.weft("edit", *new, path, expect=2)
    lib.check("64 tiers" in refused.err, "says something else", refused)
    with open(path, "rb") as source:
        lib.check(source.read() == kept, "it was changed all the same")
    box.weft("edit", "--remove-tracker", "http://main/", path, expect=0)
    lib.check(decoded(path)[b"announce"] == b"http://t0/", "announce stays", decoded(path))
    lib.check(os.listdir(box.folder).count("t.torrent") == 1, "another file")


@lib.case("create never replaces what is to be shared, by whatever name")
def _(box):
    top = box.path("d")
    os.mkdir(top)
    data = {"movie.mkv": os.urandom(100000), "d/a": os.urandom(50000), "d/b": b"b", "d/e": b""}
    for name, content in data.items():
        with open(box.path(name), "wb") as out:
            out.write(content)
    os.link(box.path("movie.mkv"), box.path("hard.torrent"))
    os.symlink("movie.mkv", box.path("soft.torrent"))
    os.link(box.path("d/a"), box.path("outside.torrent"))
    os.symlink("d/b", box.path("to_b.torrent"))
    for out, source, more in (
            ("movie.mkv", "movie.mkv", []), ("hard.torrent", "movie.mkv", []),
            ("soft.torrent", "movie.mkv", []), ("movie.mkv", "soft.torrent", []),
            ("d/a", "d", []), ("outside.torrent", "d", []), ("to_b.torrent", "d", []),
            ("d/e", "d", []), ("d/a", "d", ["--exclude", "a"]), ("movie.mkv", "d", [])):
        for overwrite in ([], ["--overwrite"]):
            refused = box.weft("create", *overwrite, "-o", out, *more, source)
            lib.check(refused.code == (2 if overwrite or source != "d" else 5), out, refused)
            lib.check(refused.out == "" and refused.err.count("weft: ") == 1, out, refused)
    for name, content in data.items():
        with open(box.path(name), "rb") as source:
            lib.check(source.read() == content, "%s is another now" % name)
    box.weft("create", "-o", "t.torrent", "d", expect=0)
    refused = box.weft("edit", "--comment", "c", "--overwrite", "-o", "movie.mkv", "t.torrent",
                       expect=2)
    lib.check("is not a torrent" in refused.err, "says something else", refused)
    box.weft("edit", "--comment", "c", "--overwrite", "-o", "t.torrent", "t.torrent", expect=0)
    with open(box.path("movie.mkv"), "rb") as source:
        lib.check(source.read() == data["movie.mkv"], "edit replaced it")
    shared = box.weft("create", "--overwrite", "-o", "t.torrent", "t.torrent", expect=2)
    lib.check("the very file" in shared.err, "says something else", shared)


if __name__ == "__main__":
    lib.main()
