#!/usr/bin/python3 -B
"""Goal: what a user reads is true, and said once: who was banned did not hang up, trackers that
can't be asked are named at once, two reasons for standing still are both told, and each error is
one line that says what, where and why."""

import os

import lib
import peers
from torrents import KIB, MIB


def lines(result):
    """What weft wrote to stderr, line by line."""
    return result.err.splitlines()


class Partial(peers.Peer):
    """Has some pieces only."""

    def __init__(self, torrent, has):
        self.has = has
        super().__init__(torrent)

    def introduce(self, connection):
        connection.message(peers.BITFIELD, self.bitfield(self.has))


class PartialChoker(Partial):
    """And never lets anybody have them."""

    def message(self, connection, kind, payload):
        pass


@lib.case("a banned peer is counted once, as banned: it did not hang up")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    liar = box.peer(peers.Corrupt, torrent)
    result = box.download(torrent, "-vv", "--timeout", "2", peers=[liar], expect=4)
    lib.check("hung up" not in result.err, "says that it hung up", result)
    lib.check("1 address known: 1 banned for wrong data" in result.err, "another count", result)
    told = [line for line in lines(result) if "banned" in line and "known" not in line]
    lib.check(len(told) == 1, "told %d times" % len(told), result)


@lib.case("at the end it is weft that closes the connections, and says so")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    result = box.download(torrent, "-vv", peers=[box.peer(peers.Peer, torrent)], expect=0)
    lib.check("disconnected: weft ends all connections" in result.err, "not said", result)
    lib.check("closed by the other side" not in result.err, "says that the peer did", result)


@lib.case("a torrent of nothing but UDP trackers ends at once and names them")
def _(box):
    torrent = box.torrent(1 * MIB, tracker=[["udp://t1.example:80", "udp://t2.example:80/announce"],
                                            ["udp://t3.example:80"], ["udp://t4.example:80"]])
    result = box.weft("download", "-o", box.downloads + "/", "--timeout", "0", torrent.file,
                      expect=4)
    lib.check(len(lines(result)) == 1, "not one line", result)
    for words in ("udp://t3.example:80 ", "and 1 more: UDP trackers are not supported yet",
                  "--peer IP:PORT", "--tracker URL"):
        lib.check(words in result.err, "does not say %r" % words, result)
    lib.check(box.listing() == [], "left behind: %s" % box.listing(), result)


@lib.case("UDP trackers beside a peer: a warning, and the download completes")
def _(box):
    torrent = box.torrent(1 * MIB, tracker="udp://t1.example:80")
    result = box.weft("download", "-o", box.downloads + "/", torrent.file, "--peer",
                      str(box.peer(peers.Peer, torrent)), expect=0)
    box.compare(torrent)
    lib.check("warning: udp://t1.example:80: UDP trackers are not supported yet" in result.err,
              "does not warn", result)


@lib.case("UDP trackers beside one that can be asked: told with -v only, unless the user named it")
def _(box):
    torrent = box.torrent(1 * MIB)
    tracker = box.opentracker(torrent)
    torrent.write_torrent(torrent.file, [[tracker], ["udp://t1.example:80"]])
    peer = ["--peer", str(box.peer(peers.Peer, torrent))]
    for options, told in (([], 0), (["-v"], 1), (["--tracker", "udp://t2.example:80"], 1)):
        result = box.weft("download", "-o", box.downloads + "/", *options, *peer, torrent.file,
                          expect=0)
        lib.check(result.err.count("UDP trackers are not supported yet") == told, options, result)
        os.remove(os.path.join(box.downloads, "payload"))


@lib.case("choked by all, and pieces that nobody has: both are told")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=128 * KIB)
    choker = PartialChoker(torrent, range(7))
    box.closers.append(choker.close)
    result = box.download(torrent, "--stall-timeout", "2", peers=[choker], expect=7)
    lib.check("the only connected peer chokes us: waiting for a turn; 1 missing piece is with "
              "nobody" in result.err, "another reason", result)


if __name__ == "__main__":
    lib.main()
