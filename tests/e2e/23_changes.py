#!/usr/bin/python3 -B
"""Goal: files and records that somebody changes, before or during a download, never lead to exit 0
with wrong data, nor to a crash (FAULTS D7 to D9)."""

import os
import random

import lib
import peers
from torrents import KIB, MIB

FILES = [("a/one", 3 * MIB), ("b", 1 * MIB + 7), ("c", 2 * MIB)]
RECORD = ".payload.weft"


def while_it_runs(text, change, codes=(0,)):
    """A case: `change(path of a/one)` happens in the middle of a download."""
    @lib.case("a file is %s during the download" % text)
    def _(box):
        torrent = box.torrent(FILES, piece_length=64 * KIB)
        good = box.peer(peers.Gated, torrent)
        running = box.start_download(torrent, peers=[good])
        # Everything but one piece of the last file is there when it happens.
        lib.wait_for(lambda: good.served >= len(torrent.data) - 128 * KIB, 60, "most of it",
                     running)
        change(os.path.join(box.downloads, "payload", "a", "one"))
        good.open_gate()
        result = running.wait(90)
        lib.check(result.code in codes, "exit %d" % result.code, result)
        if result.code != 0:
            # What stands in the place of a file of ours is never written to.
            again = box.download(torrent, peers=[good])
            if again.code == 5:
                named = os.path.join(box.downloads, "payload", "a", "one")
                lib.check(named in again.err, "does not name the file", again)
                os.remove(named)
                again = box.download(torrent, peers=[good])
            lib.check(again.code == 0, "does not go on", again)
        difference = torrent.difference(box.downloads)
        lib.check(difference is None or difference.startswith("stray"), difference, result)


def replace(path):
    """Another file takes the place."""
    os.rename(path, path + ".old")
    with open(path, "wb") as out:
        out.write(b"something else")


while_it_runs("deleted", os.remove)
while_it_runs("replaced", replace, (0, 5))
while_it_runs("renamed", lambda path: os.rename(path, path + ".old"))
while_it_runs("truncated", lambda path: os.truncate(path, 1000), (0, 5))


def interrupted(box):
    """A torrent of which a third has arrived; the record is there."""
    torrent = box.torrent(FILES, piece_length=64 * KIB)
    result, _ = box.interrupted(torrent, 6 * MIB, len(torrent.data) // 3)
    lib.check(RECORD in box.listing(), "no record", result)
    return torrent


def damaged(text, damage):
    """A case: `damage(bytes)` are what the record holds when the next run begins."""
    @lib.case("a record that is %s is no record" % text)
    def _(box):
        torrent = interrupted(box)
        path = os.path.join(box.downloads, RECORD)
        with open(path, "rb") as record:
            good = record.read()
        for bad in damage(good):
            with open(path, "wb") as record:
                record.write(bad)
            # No peer: it looks at the record and the data, finds nobody, and leaves.
            box.download(torrent, "--timeout", "1", expect=4)
        peer = box.peer(peers.Peer, torrent)
        box.download(torrent, peers=[peer], expect=0)
        box.compare(torrent)
        lib.check(peer.served < len(torrent.data), "fetched everything again")


def flips(good):
    """The record with one bit wrong, in a few places."""
    places = random.Random(1)
    for _ in range(4):
        at = places.randrange(len(good))
        yield good[:at] + bytes([good[at] ^ 1 << places.randrange(8)]) + good[at + 1:]


damaged("cut", lambda good: [good[:n] for n in (0, 1, len(good) // 2, len(good) - 1)])
damaged("wrong by a bit", flips)
damaged("too long", lambda good: [good + b"x", good * 2])
damaged("of a later version", lambda good: [b"weftres9" + good[8:]])


@lib.case("the record of another torrent, and a folder in its place")
def _(box):
    torrent = interrupted(box)
    path = os.path.join(box.downloads, RECORD)
    other = box.torrent(1 * MIB, piece_length=64 * KIB, name="other", seed=9)
    box.interrupted(other, 512 * KIB, 200 * KIB)
    os.replace(os.path.join(box.downloads, ".other.weft"), path)
    os.remove(os.path.join(box.downloads, "other"))
    # Blocks without their piece: nobody can tell now whose the file is that they are in.
    box.download(torrent, "--overwrite", peers=[box.peer(peers.Peer, torrent)], expect=0)
    os.remove(path)  # it is the other's, and left alone
    box.compare(torrent)
    torrent = box.torrent(FILES, piece_length=64 * KIB, seed=3, name="again")
    os.mkdir(os.path.join(box.downloads, ".again.weft"))
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)


if __name__ == "__main__":
    lib.main()
