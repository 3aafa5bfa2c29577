#!/usr/bin/python3 -B
"""Goal: kill -9 at any moment loses nothing but what was in flight. However often the download
is killed, it completes in the end, equals the original, was not fetched again, and leaves no
stray file.

WEFT_KILLS says how often it is killed (10); WEFT_SEED makes the moments the same again."""

import os
import random
import time

import lib
import peers
from torrents import KIB, MIB

KILLS = int(os.environ.get("WEFT_KILLS", "10"))
SEED = int(os.environ.get("WEFT_SEED", random.randrange(1 << 30)))
PIECE = 64 * KIB
PEERS = 4
SIZE = 16 * MIB
# What one kill may cost: for each peer the piece it is at, what it has asked for beyond that, and
# what was received and still waited for the writer.
IN_FLIGHT = PEERS * (2 * PIECE + 512 * KIB)


def killed_often(box, torrent, kills):
    """Starts and kills, then lets it complete; the number of bytes fetched in all."""
    moments = random.Random(SEED)
    print("# WEFT_SEED=%d" % SEED)
    swarm = [box.peer(peers.Slow, torrent, 3 * MIB) for _ in range(PEERS)]
    count = 0
    while count < kills:
        running = box.start_download(torrent, peers=swarm)
        before = sum(p.served for p in swarm)
        # Either a moment of the start, or when a random amount more has been fetched.
        target = moments.choice([0, moments.randrange(0, 2 * SIZE // kills + PIECE)])
        lib.wait_for(lambda: sum(p.served for p in swarm) - before >= target
                     or not running.running(), 60, "%d bytes more" % target)
        if target == 0:
            moments_later(moments)
        if not running.running():
            lib.check(running.wait().code == 0, "ended by itself", running.wait())
            break  # complete before the last kill
        running.kill()
        count += 1
    box.download(torrent, peers=swarm, expect=0, timeout=90)
    box.compare(torrent)
    return sum(p.served for p in swarm), count


def moments_later(moments):
    """Waits a random moment below 60 ms: somewhere in the start of the program."""
    time.sleep(moments.random() * 0.06)


@lib.case("a single file survives kill -9 at random moments")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    fetched, count = killed_often(box, torrent, KILLS)
    lib.check(fetched <= SIZE + count * IN_FLIGHT, "fetched %d of %d bytes with %d kills"
              % (fetched, SIZE, count))
    print("# %d kills, %.2f times the size fetched" % (count, fetched / SIZE))


@lib.case("many files survive kill -9 at random moments")
def _(box):
    files = [("d%d/f%d" % (i % 3, i), SIZE // 20 + i) for i in range(20)] + [("empty", 0)]
    torrent = box.torrent(files, piece_length=PIECE)
    fetched, count = killed_often(box, torrent, KILLS)
    lib.check(fetched <= len(torrent.data) + count * IN_FLIGHT, "fetched %d of %d bytes with %d "
              "kills" % (fetched, len(torrent.data), count))
    print("# %d kills, %.2f times the size fetched" % (count, fetched / len(torrent.data)))


def killed_at(name, number):
    """One kill, by strace, as the n-th system call of that name starts; then a run to the end."""
    @lib.case("killed at %s number %d" % (name, number))
    def _(box):
        lib.needs_program("strace")
        torrent = box.torrent([("a/one", 150 * KIB), ("two", 50 * KIB + 1)], piece_length=32 * KIB)
        peer = box.peer(peers.Peer, torrent)
        prefix = ["strace", "-f", "-o", "/dev/null", "-e", "trace=" + name, "-e",
                  "inject=%s:signal=KILL:when=%d" % (name, number)]
        box.download(torrent, peers=[peer], prefix=prefix, env=lib.TRACED)
        box.download(torrent, peers=[peer], expect=0)
        box.compare(torrent)


for call, numbers in (("pwrite64", (1, 2, 5)), ("fdatasync", (1, 2)), ("fsync", (1, 2)),
                      ("renameat", (1,)), ("renameat2", (1,)), ("ftruncate", (1, 2)),
                      ("unlinkat", (1,)), ("mkdirat", (1, 2))):
    for n in numbers:
        killed_at(call, n)


if __name__ == "__main__":
    lib.main()
