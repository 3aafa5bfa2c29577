#!/usr/bin/python3 -B
"""Goal: few descriptors mean fewer peers, not the end (FAULTS D18); hardly any mean exit 6."""

import lib
import peers
from torrents import KIB, MIB


def limited(box, torrent, limit, count, **rest):
    """A download with a limit on descriptors, from a number of peers."""
    swarm = [box.peer(peers.Peer, torrent) for _ in range(count)]
    return box.download(torrent, peers=swarm,
                        prefix=["bash", "-c", 'ulimit -n %d; exec "$@"' % limit, "-"], **rest)


@lib.case("24 descriptors and 30 peers")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=64 * KIB)
    limited(box, torrent, 24, 30, expect=0)
    box.compare(torrent)


@lib.case("24 descriptors, 30 peers and 100 files")
def _(box):
    torrent = box.torrent([("f%d" % i, 50 * KIB) for i in range(100)], piece_length=64 * KIB)
    limited(box, torrent, 24, 30, expect=0)
    box.compare(torrent)


def handful(limit):
    """A case: so few descriptors that it may fail, but then says so and ends."""
    @lib.case("%d descriptors: success, or an exit code that says so" % limit)
    def _(box):
        torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
        result = limited(box, torrent, limit, 2, timeout=30)
        lib.check(result.code in (0, 3, 5, 6), "exit %d" % result.code, result)
        if result.code == 0:
            box.compare(torrent)


for number in (4, 5, 6, 7, 8, 9, 10, 12, 14):
    handful(number)


@lib.case("a socket that cannot be made now and then")
def _(box):
    lib.needs_program("strace")
    torrent = box.torrent(2 * MIB, piece_length=64 * KIB)
    swarm = [box.peer(peers.Peer, torrent) for _ in range(6)]
    box.download(torrent, peers=swarm, expect=0, env=lib.TRACED, prefix=[
        "strace", "-f", "-o", "/dev/null", "-e", "trace=socket", "-e",
        "inject=socket:error=EMFILE:when=2+2"])
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
