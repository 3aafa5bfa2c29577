#!/usr/bin/python3 -B
"""Goal: a wrong byte never ends up in a download. Who sends one is found, banned by address, and
the download completes from the others (FAULTS F22, F23). Also runs under ThreadSanitizer."""

import random

import lib
import peers
from torrents import BLOCK, KIB, MIB


@lib.case("one corrupt peer beside a good one: completes, the liar is not asked again")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=64 * KIB)
    bad = box.peer(peers.Corrupt, torrent)
    good = box.peer(peers.Gated, torrent)
    running = box.start_download(torrent, peers=[bad, good])
    lib.wait_for(bad.ended, 30, "the corrupt peer is left", running)
    good.open_gate()
    result = running.wait(expect=0)
    box.compare(torrent)
    lib.check(bad.connections == 1, "connected to the liar %d times" % bad.connections, result)
    lib.check(good.connections == 1, "the honest peer was dropped", result)


@lib.case("nine corrupt peers and a good one")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=64 * KIB)
    swarm = [box.peer(peers.Corrupt, torrent) for _ in range(9)] + [box.peer(peers.Peer, torrent)]
    box.download(torrent, peers=swarm, expect=0)
    box.compare(torrent)


@lib.case("peers that corrupt one block in many share pieces with good ones")
def _(box):
    torrent = box.torrent(8 * MIB, piece_length=512 * KIB)
    def every_seventh(index, begin):
        return (index * 32 + begin // BLOCK) % 7 == 3
    swarm = [box.peer(peers.Corrupt, torrent, every_seventh) for _ in range(3)] \
        + [box.peer(peers.Slow, torrent, 4 * MIB) for _ in range(3)]
    result = box.download(torrent, "--json", peers=swarm, expect=0)
    box.compare(torrent)
    for good in swarm[3:]:
        lib.check(good.connections == 1, "an honest peer was dropped", result)


def cost_of_liars(text, total, piece_length, liars, make_liar, make_honest, honest=1):
    """A case: nobody but liars is banned, and they spoil one piece each at most. What they send
    before they are found out, while they are on trial or suspects, is wasted as well."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent(total, piece_length=piece_length)
        bad = [make_liar(torrent) for _ in range(liars)]
        good = [make_honest(torrent) for _ in range(honest)]
        for peer in bad + good:
            box.closers.append(peer.close)
        result = box.download(torrent, "--json", peers=bad + good, expect=0)
        box.compare(torrent)
        spoilt = sum(not event["good"] for event in result.events("piece"))
        banned = {event["address"] for event in result.events("peer") if event["what"] == "banned"}
        wasted = result.events("done")[0]["wasted"]
        print("# %d pieces spoilt, %.1f wasted" % (spoilt, wasted / piece_length))
        lib.check(banned <= {str(peer) for peer in bad}, "an honest peer was banned", result)
        lib.check(spoilt <= liars, "%d liars spoilt %d pieces" % (liars, spoilt), result)
        lib.check(wasted <= 4 * liars * piece_length, "%d bytes wasted" % wasted, result)


cost_of_liars("eighteen of twenty lie", 8 * MIB, 128 * KIB, 18, peers.Corrupt, peers.Peer, 2)
cost_of_liars("nine lie once and choke then", 8 * MIB, 256 * KIB, 9, peers.HitAndRun,
              lambda torrent: peers.Slow(torrent, 4 * MIB))
cost_of_liars("nine slow ones lie, pieces are shared", 8 * MIB, 512 * KIB, 9,
              lambda torrent: peers.SlowCorrupt(torrent, rate=256 * KIB),
              lambda torrent: peers.Slow(torrent, 2 * MIB))
cost_of_liars("five slow ones lie once and choke then", 8 * MIB, 512 * KIB, 5,
              lambda torrent: peers.SlowHitAndRun(torrent, rate=300 * KIB),
              lambda torrent: peers.Slow(torrent, 600 * KIB), 5)


def one_piece(text, make_liars):
    """A case: two honest peers bring a torrent of one piece whatever ten or more liars do. They are
    asked for each block once, but for what was under way when things changed."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent(4 * MIB, piece_length=4 * MIB)
        good = [box.peer(peers.Slow, torrent, 2 * MIB) for _ in range(2)]
        bad = make_liars(box, torrent)
        result = box.download(torrent, "--json", peers=bad + good, expect=0)
        box.compare(torrent)
        banned = {event["address"] for event in result.events("peer") if event["what"] == "banned"}
        lib.check(banned <= {str(peer) for peer in bad}, "an honest peer was banned", result)
        for peer in good:
            lib.check(peer.connections == 1, "an honest peer was dropped", result)
            lib.check(peer.served <= 1.5 * len(torrent.data), "an honest peer sent %.1f pieces"
                      % (peer.served / len(torrent.data)), result)


def mixed_liars(seed):
    """Ten of all kinds."""
    def make(box, torrent):
        dice = random.Random(seed)
        return [box.peer(peers.Saboteur, torrent, seed=dice.random(),
                         lies=dice.choice((0.01, 0.1, 0.5, 1)), cut=dice.choice((0, 0, 3, 17)),
                         drag=dice.choice((0, 0.002, 0.01))) for _ in range(10)]
    return make


for seed in range(4):
    one_piece("one piece, ten liars of all kinds, seed %d" % seed, mixed_liars(seed))
one_piece("one piece, eighteen who lie once, then take their time, and come back",
          lambda box, torrent: [box.peer(peers.Saboteur, torrent, seed=i, lies=0, cut=9, drag=0.7,
                                         chokes=0) for i in range(18)])
one_piece("one piece, eighteen who lie often and take their time",
          lambda box, torrent: [box.peer(peers.Saboteur, torrent, seed=i, lies=0.3, drag=0.3)
                                for i in range(18)])


@lib.case("nobody but corrupt peers: never complete, never exit 0, then saved by a good one")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    swarm = [box.peer(peers.Corrupt, torrent) for _ in range(3)]
    result = box.download(torrent, "--timeout", "3", "--stall-timeout", "5", peers=swarm)
    lib.check(result.code in (4, 7), "exit %d" % result.code, result)
    good = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[good], expect=0)
    box.compare(torrent)


@lib.case("a torrent whose only hash is wrong is never called complete")
def _(box):
    torrent = box.torrent(64 * KIB, piece_length=64 * KIB)
    torrent.info["pieces"] = bytes(20)
    torrent.info_hash = lib.info_hash(torrent.info)
    torrent.write_torrent(torrent.file)
    result = box.download(torrent, "--timeout", "3", "--stall-timeout", "5",
                          peers=[box.peer(peers.Peer, torrent)])
    lib.check(result.code in (4, 7), "exit %d" % result.code, result)


if __name__ == "__main__":
    lib.main()
