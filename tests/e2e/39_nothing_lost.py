#!/usr/bin/python3 -B
"""Goal: making and changing torrents destroys nothing. `weft edit` keeps every tracker that nobody
named, whether anybody could use it or not."""

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


if __name__ == "__main__":
    lib.main()
