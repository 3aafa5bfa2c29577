#!/usr/bin/python3 -B
"""Goal: kill -9 at any moment loses nothing but what was in flight. However often the download
is killed, it completes in the end, equals the original, and leaves no stray file.

The books are kept from outside: what each seeder sent in each run, and after each kill which
pieces have their right hash on disk. A piece that is good is never lost and never asked for again,
and one that weft had announced is good. In flight at a kill is what was sent for pieces that are
not good on disk then: blocks of unfinished pieces, blocks in buffers. So what was fetched in all
is the size, what was in flight at the kills, and what end games asked of two seeders; and half of
the kills find no more in flight than two pieces for each seeder.

WEFT_KILLS says how often it is killed (the program as users get it 100 times, with a sanitizer
in it 10); WEFT_SEED makes the moments the same again."""

import hashlib
import json
import os
import random
import signal
import time

import lib
import peers
from torrents import KIB, MIB

KILLS = int(os.environ.get("WEFT_KILLS", "100" if lib.KIND == "e2e" else "10"))
SEED = int(os.environ.get("WEFT_SEED", random.randrange(1 << 30)))
PIECE = 64 * KIB
PEERS = 4
SIZE = 16 * MIB


class Seeder(peers.Slow):
    """A seeder that also notes each block that it has sent."""

    def __init__(self, torrent, rate):
        self.sent = []
        super().__init__(torrent, rate)

    def send_block(self, connection, index, begin, data):
        super().send_block(connection, index, begin, data)
        with self.lock:
            self.sent.append((index, begin, len(data)))

    def take_notes(self):
        """(blocks asked for, blocks sent) since the last time."""
        with self.lock:
            notes = self.requests, self.sent
            self.requests, self.sent = [], []
            return notes


class Books:
    """What was fetched, run by run, and what came of it."""

    def __init__(self, box, torrent, swarm):
        self.box, self.torrent, self.swarm = box, torrent, swarm
        self.good = set()      # pieces that are right on disk
        self.fetched = 0       # bytes, in all runs
        self.twice = 0         # of them: sent again within one run
        self.in_flight = []    # bytes at each kill

    def on_disk(self):
        """The pieces that have their right hash on disk now."""
        data = bytearray(len(self.torrent.data))
        for path, entry in self.torrent.places(self.box.downloads):
            if os.path.exists(path):
                with open(path, "rb") as source:
                    found = source.read(entry.length)
                data[entry.offset:entry.offset + len(found)] = found
        step = self.torrent.piece_length
        return {i for i, right in enumerate(self.torrent.pieces)
                if hashlib.sha1(data[i * step:(i + 1) * step]).digest() == right}

    def run_ended(self, output):
        """Enters a run that has ended; returns what it had announced as good."""
        lib.wait_for(lambda: all(p.open == 0 for p in self.swarm), 60, "the connections' end")
        notes = [p.take_notes() for p in self.swarm]
        asked = {block for requests, _ in notes for block in requests}
        sent = [block for _, blocks in notes for block in blocks]
        again = {index for index, _, _ in asked} & self.good
        lib.check(not again, "asked again for what was good on disk: %s" % sorted(again))
        once, every = length_of(set(sent)), length_of(sent)
        lib.check(every == once or self.all_asked(asked), "fetched %d bytes twice before the end "
                  "game" % (every - once))
        good, announced = self.on_disk(), pieces_announced(output)
        lib.check(good >= self.good, "no longer good on disk: %s" % sorted(self.good - good))
        lib.check(good >= announced, "announced, but not on disk: %s" % sorted(announced - good))
        self.fetched += every
        self.twice += every - once
        self.good = good
        return announced, length_of(b for b in set(sent) if b[0] not in good)

    def all_asked(self, asked):
        """Was everything asked for that was missing when the run began? Then an end game began."""
        missing = sum(len(self.torrent.piece(i)) for i in range(len(self.torrent.pieces))
                      if i not in self.good)
        return length_of(asked) == missing

    def killed(self, output):
        """Enters a run that was killed."""
        self.in_flight.append(self.run_ended(output)[1])

    def completed(self, output):
        """Enters the last run, and compares it all; prints the one line of figures."""
        size, lost = len(self.torrent.data), sum(self.in_flight)
        missing = set(range(len(self.torrent.pieces))) - self.good
        announced, _ = self.run_ended(output)
        print("# %d kills of %d bytes: %d fetched, %d of them again; in flight at the kills %d "
              "(at most %d), in end games %d" % (
                  len(self.in_flight), size, self.fetched, self.fetched - size, lost,
                  max(self.in_flight, default=0), self.twice))
        lib.check(announced == missing, "the last run fetched %d pieces, not the %d missing ones"
                  % (len(announced), len(missing)))
        lib.check(self.fetched <= size + lost + self.twice, "fetched more than was in flight")
        usual = sorted(self.in_flight + [0])[len(self.in_flight) // 2]
        lib.check(usual <= PEERS * 2 * PIECE, "%d bytes usually in flight at a kill" % usual)


def length_of(blocks):
    """The bytes of some (index, begin, length)."""
    return sum(length for _, _, length in blocks)


def pieces_announced(output):
    """The pieces that "piece" events call good; a last line that the kill cut does not count."""
    events = [json.loads(line) for line in output.split("\n")[:-1]]
    return {e["index"] for e in events if e["event"] == "piece" and e["good"]}


def killed_often(box, torrent, kills):
    """Starts and kills, then lets it complete."""
    moments = random.Random(SEED)
    print("# WEFT_SEED=%d" % SEED)
    swarm = [box.peer(Seeder, torrent, 3 * MIB) for _ in range(PEERS)]
    books = Books(box, torrent, swarm)
    for _ in range(kills):
        running = box.start_download(torrent, "--json", peers=swarm)
        before = sum(p.served for p in swarm)
        # Either a moment of the start, or when a random amount more has been fetched.
        target = moments.choice([0, moments.randrange(0, 3 * SIZE // (2 * kills) + PIECE)])
        lib.wait_for(lambda: sum(p.served for p in swarm) - before >= target
                     or not running.running(), 60, "%d bytes more" % target)
        if target == 0:
            time.sleep(moments.random() * 0.06)  # somewhere in the start of the program
        running.kill()
        last = running.wait()
        if last.code == 0:
            break  # complete before the last kill
        lib.check(last.code == -signal.SIGKILL, "ended by itself", last)
        books.killed(last.out)
    else:
        last = box.download(torrent, "--json", peers=swarm, expect=0, timeout=90)
    box.compare(torrent)
    books.completed(last.out)


@lib.case("a single file survives kill -9 at random moments")
def _(box):
    killed_often(box, box.torrent(SIZE, piece_length=PIECE), KILLS)


@lib.case("many files survive kill -9 at random moments")
def _(box):
    files = [("d%d/f%d" % (i % 3, i), SIZE // 20 + i) for i in range(20)] + [("empty", 0)]
    killed_often(box, box.torrent(files, piece_length=PIECE), max(KILLS // 4, 1))


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
