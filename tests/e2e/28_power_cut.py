#!/usr/bin/python3 -B
"""Goal: wherever the power goes, the resume record claims nothing that the disk lacks (FAULTS D12),
and a download that has ended with exit 0 is on the disk under its final names.

strace notes what weft does to its files, and when. What was written is on the disk for certain only
once a sync of that file that began later has ended, and a new name only after a sync of its folder;
until then it may be there, in parts, or not. So at the beginning and at the end of each system call
the power is cut, on paper: every record that may then be found must claim only what is there for
certain. Some of these disks are made, with a random half of what is uncertain and with files that
look as the record says (inode, time and size), and weft goes on from there."""

import collections
import hashlib
import os
import random
import re
import signal
import struct

import lib
import peers
import shims
from torrents import BLOCK, KIB, MIB

PIECE = 64 * KIB
PAGE = 4 * KIB
SOON = 30         # seconds
SAVE_EVERY = 6     # seconds, a little more than weft takes
DISKS = 12         # cuts after which weft goes on
SEED = int(os.environ.get("WEFT_SEED", random.randrange(1 << 30)))
FILES = [("a/one", 1 * MIB + 1), ("two", 2 * MIB - 1), ("b/c/three", 1 * MIB)]
CALLS = "openat,openat2,pwrite64,write,fsync,fdatasync,renameat,renameat2,unlinkat"

TEXT = r'"((?:[^"\\]|\\.)*)"'
PLACE = r"\w+<([^>]*)>"
SHAPES = {
    "data": r"pwrite64\(%s, %s\.*, \d+, (\d+)\) += (\d+)$" % (PLACE, TEXT),
    "record": r"write\(%s, %s, \d+\) += (\d+)$" % (PLACE, TEXT),
    "sync": r"(?:fsync|fdatasync)\(%s\) += 0$" % PLACE,
    "rename": r"renameat2?\(%s, %s, %s, %s.*\) += 0$" % (PLACE, TEXT, PLACE, TEXT),
    "unlink": r"unlinkat\(%s, %s, .*\) += 0$" % (PLACE, TEXT),
    "make": r"openat2?\(%s, %s, .*O_CREAT.*\) += \d+<([^>]*)>$" % (PLACE, TEXT),
}

# One system call: what, on which path, between which two lines, and the rest of what was matched.
Event = collections.namedtuple("Event", "kind path start end rest")


def events_of(log):
    """The events in what strace wrote. A call may take two lines, with others in between."""
    begun, events = {}, []
    with open(log, encoding="latin-1") as lines:
        for number, line in enumerate(lines):
            pid, _, text = line.rstrip("\n").partition(" ")
            text = text.strip()
            start = number
            if text.endswith("<unfinished ...>"):
                begun[pid] = number, text[:-len("<unfinished ...>")].rstrip()
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
            if resumed:
                start, first = begun.pop(pid)
                text = first + resumed.group(1)
            for kind, shape in SHAPES.items():
                match = re.match(shape, text)
                if match:
                    path, *rest = match.groups()
                    events.append(Event(kind, path, start, number, rest))
    return events


def plain(text):
    """The bytes of a string as strace writes it with -x."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


class Run:
    """What one run did to its files."""

    def __init__(self, torrent, folder, log):
        self.torrent = torrent
        self.folder = folder
        self.events = events_of(log)
        self.files = {os.fsdecode(path): entry for path, entry in torrent.places(folder)}
        self.syncs = [e for e in self.events if e.kind == "sync"]
        self.writes = [e for e in self.events if e.kind == "data" and e.path in self.files]
        self.records = self._records()
        self.end = self.events[-1].end + 1

    def is_synced(self, event, path, when):
        """Is what the event did certain at that line, by a sync of this path?"""
        return any(s.path == path and s.start > event.end and s.end <= when for s in self.syncs)

    def _records(self):
        """[(bytes, the rename that makes it the record)]; each must be synced before that."""
        found, latest = [], None
        for e in self.events:
            if e.kind == "record" and e.path.endswith(".weft.new"):
                latest = e
            if e.kind == "rename":
                lib.check(self.is_synced(latest, latest.path, e.start), "renamed before synced")
                found.append((plain(latest.rest[0]), e))
        return found

    def visible(self, when):
        """The records of which one is found after a cut: the last certain one, and later ones."""
        begun = [(data, e) for data, e in self.records if e.start <= when]
        certain = [i for i, (_, e) in enumerate(begun) if self.is_synced(e, self.folder, when)]
        return [data for data, _ in begun[certain[-1] if certain else 0:]]

    def ranges(self, when, certain):
        """The (from, to) in the torrent that are on the disk for certain, or perhaps."""
        for e in self.writes:
            if e.start <= when and self.is_synced(e, e.path, when) == certain:
                begin = self.files[e.path].offset + int(e.rest[1])
                yield begin, begin + int(e.rest[2])

    def pieces(self, when):
        """The pieces that are on the disk for certain."""
        there = bytearray(len(self.torrent.data))
        for begin, end in self.ranges(when, True):
            there[begin:end] = b"\1" * (end - begin)
        return {i for i in range(len(self.torrent.pieces))
                if all(there[i * PIECE:(i + 1) * PIECE])}

    def claims(self, record):
        """The pieces that a record claims."""
        bits = record[-20 - (len(self.torrent.pieces) + 7) // 8:-20]
        return {i for i in range(len(self.torrent.pieces)) if bits[i // 8] & 0x80 >> i % 8}

    def cuts(self):
        """All moments."""
        return sorted({line for e in self.events for line in (e.start, e.end)} | {self.end})

    def check(self):
        """Cuts the power everywhere; how many disks that were."""
        count = 0
        for when in self.cuts():
            there = self.pieces(when)
            for record in self.visible(when):
                lies = self.claims(record) - there
                lib.check(not lies, "cut at line %d: the record claims %s" % (when, sorted(lies)))
                count += 1
        return count

    def check_end(self):
        """Is everything there for certain, and was before the record was removed?"""
        gone = [e.start for e in self.events if e.kind == "unlink" and e.rest[0].endswith(".weft")]
        lib.check(len(gone) == 1, "the record was removed %d times" % len(gone))
        missing = set(range(len(self.torrent.pieces))) - self.pieces(gone[0])
        lib.check(not missing, "not on the disk at the end: %s" % sorted(missing))
        for made in [e for e in self.events if e.kind == "make" and e.rest[1] in self.files]:
            lib.check(self.is_synced(made, os.path.dirname(made.rest[1]), gone[0]),
                      "the name of %s may be lost" % made.rest[1])

    def make_disk(self, folder, when, chance):
        """Makes the disk as it may be found; the pieces that its record claims."""
        data = bytearray(len(self.torrent.data))
        for begin, end in self.ranges(when, True):
            data[begin:end] = self.torrent.data[begin:end]
        for begin, end in self.ranges(when, False):
            for at in range(begin, end, PAGE):
                if chance.random() < 0.5:
                    data[at:min(at + PAGE, end)] = self.torrent.data[at:min(at + PAGE, end)]
        record = bytearray(chance.choice(self.visible(when)))
        for number, (path, entry) in enumerate(self.torrent.places(folder)):
            at = 36 + 33 * number
            answered, size = struct.unpack_from(">BQ", record, at)
            if not answered:
                continue  # an empty record: what is there is checked
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(data[entry.offset:entry.offset + entry.length])
                out.truncate(size)
            status = os.stat(path)
            struct.pack_into(">QQQ", record, at + 9, status.st_mtime_ns, 0, status.st_ino)
        record[-20:] = hashlib.sha1(record[:-20]).digest()
        with open(os.path.join(folder, ".payload.weft"), "wb") as out:
            out.write(record)
        return self.claims(record)


class Paced(peers.Peer):
    """Serves as many blocks as the scenario lets it."""

    def __init__(self, torrent, **rest):
        self.allowed = 0
        self.held = []
        super().__init__(torrent, **rest)

    def allow(self, blocks):
        """So many more."""
        with self.lock:
            self.allowed += blocks
            ready = self.held[:self.allowed]
            self.held = self.held[len(ready):]
            self.allowed -= len(ready)
        for request in ready:
            super().serve(*request)

    def serve(self, connection, index, begin, length):
        with self.lock:
            if self.allowed == 0:
                self.held.append((connection, index, begin, length))
                return
            self.allowed -= 1
        super().serve(connection, index, begin, length)


def traced(box, torrent, blocks, *faults):
    """A run that saves its record again and again while it goes on; after so many blocks it is
    interrupted (None: it is not). Returns (Result, Run)."""
    clocks = shims.Clocks(box)
    log = box.path("strace.%d" % box.number())
    peer = box.peer(Paced, torrent)
    running = box.start_download(
        torrent, "--json", peers=[peer], env=clocks.env,
        prefix=["strace", "-D", "-f", "-y", "-x", "-s", "4096", "-o", log, "-e",
                "trace=" + CALLS, *faults])
    total, seconds = len(torrent.data) // BLOCK + len(FILES), 0
    for done in range(0, blocks or total, 8):
        peer.allow(8)
        lib.wait_for(lambda: peer.served >= (done + 8) * BLOCK or not running.running()
                     or done + 8 >= total - len(FILES), SOON, "eight blocks", running)
        seconds += SAVE_EVERY
        clocks.monotonic(seconds)
    if blocks:
        running.signal(signal.SIGINT)
    result = running.wait(SOON, expect=130 if blocks else 0)

    def complete():
        with open(log, encoding="latin-1") as text:
            return re.search(r"(?m)^%d +\+\+\+ exited" % running.process.pid, text.read())

    lib.wait_for(complete, SOON, "the end of what strace writes")
    return result, Run(torrent, box.downloads, log)


@lib.case("cut at every system call of a run that is interrupted")
def _(box):
    lib.needs_program("strace")
    chance = random.Random(SEED)
    torrent = box.torrent(FILES, piece_length=PIECE)
    result, run = traced(box, torrent, 160)
    count = run.check()
    claimed = [len(run.claims(data)) for data, _ in run.records]
    print("# WEFT_SEED=%d, %d writes, %d syncs, %d disks; pieces in the records: %s"
          % (SEED, len(run.writes), len(run.syncs), count, claimed))
    lib.check(len(claimed) > 3 and claimed[-1] > claimed[1] > 0, "too few records", result)
    cuts = [when for when in run.cuts() if run.visible(when)]  # before that there is nothing at all
    for when in sorted(chance.sample(cuts, DISKS)):
        folder = box.path("disk.%d" % when)
        os.mkdir(folder)
        claims = run.make_disk(folder, when, chance)
        peer = box.peer(peers.Peer, torrent)
        box.download(torrent, peers=[peer], output=folder + "/", expect=0)
        box.compare(torrent, folder)
        again = {index for index, _, _ in peer.requests} & claims
        lib.check(not again, "cut at line %d: fetched again %s" % (when, sorted(again)))


@lib.case("cut at every system call of a run that completes")
def _(box):
    lib.needs_program("strace")
    torrent = box.torrent(FILES, piece_length=PIECE)
    _, run = traced(box, torrent, None)
    box.compare(torrent)
    run.check()
    run.check_end()


@lib.case("a weft whose syncs do nothing is found out")
def _(box):
    lib.needs_program("strace")
    torrent = box.torrent(FILES, piece_length=PIECE)
    _, run = traced(box, torrent, 160, "-e", "inject=fdatasync:retval=0")
    try:
        run.check()
    except AssertionError:
        return
    raise AssertionError("it was not")


if __name__ == "__main__":
    lib.main()
