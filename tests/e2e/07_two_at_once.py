#!/usr/bin/python3 -B
"""Goal: two weft on one output do not spoil each other's work: the second exits 5 and says why, the
first goes on and completes."""

import lib
import peers
from torrents import KIB, MIB


def second_is_refused(box, torrent):
    """Starts one, then another on the same output."""
    peer = box.peer(peers.Slow, torrent, 2 * MIB)
    first = box.start_download(torrent, peers=[peer])
    lib.wait_for(lambda: peer.served > 256 * KIB, 60, "the first one at work", first)
    second = box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=5)
    lib.check("weft" in second.err, "does not say that another weft is at it", second)
    first.wait(90, expect=0)
    box.compare(torrent)


@lib.case("a second download of a single file is refused")
def _(box):
    second_is_refused(box, box.torrent(5 * MIB, piece_length=64 * KIB))


@lib.case("a second download of many files is refused")
def _(box):
    files = [("a/one", 3 * MIB), ("two", 2 * MIB)]
    second_is_refused(box, box.torrent(files, piece_length=64 * KIB))


@lib.case("two different torrents share a folder")
def _(box):
    one = box.torrent(2 * MIB, name="one", seed=1)
    two = box.torrent(2 * MIB, name="two", seed=2)
    runs = [box.start_download(t, peers=[box.peer(peers.Peer, t)]) for t in (one, two)]
    for run in runs:
        run.wait(expect=0)
    lib.check(box.listing() == ["one", "two"], "left: %s" % box.listing())
    for torrent in (one, two):
        difference = torrent.difference(box.downloads)
        lib.check(difference is None or difference.startswith("stray"), difference)


if __name__ == "__main__":
    lib.main()
