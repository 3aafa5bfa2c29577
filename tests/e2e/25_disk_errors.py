#!/usr/bin/python3 -B
"""Goal: wherever the disk begins to fail (FAULTS D2, D3), weft ends with exit 5 and names what
failed; not a byte that was verified is lost, and nothing that was not written is believed: the next
run completes, compares equal, and fetches only what is missing."""

import os
import signal

import lib
import peers
from torrents import KIB, MIB

FILES = [("a/one", 3 * MIB + 1), ("two", 5 * MIB - 1)]
PIECE = 64 * KIB
PIECES = 8 * MIB // PIECE
IN_FLIGHT = 2 * MIB  # what may be fetched twice: open pieces and what was under way


def traced(faults, *options):
    """A prefix for weft under strace: [(system calls, fault)]."""
    lib.needs_program("strace")
    command = ["strace", "-f", *options, "-o", "/dev/null", "-e",
               "trace=" + ",".join(calls for calls, _ in faults)]
    for calls, fault in faults:
        command += ["-e", "inject=%s:%s" % (calls, fault)]
    return command


def failing(box, torrent, *faults, peer=None, arguments=()):
    """A run on the failing disk; (Result, bytes in verified pieces)."""
    peer = peer or box.peer(peers.Peer, torrent)
    result = box.download(torrent, "--json", *arguments, peers=[peer], env=lib.TRACED,
                          prefix=traced(faults), expect=5)
    verified = sum(e["length"] for e in result.events("piece") if e["good"])
    return result, verified


def completes(box, torrent, most):
    """The next run, on a disk that works; fails if it is not equal, or fetched more than `most`."""
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)
    lib.check(peer.served <= most, "fetched %d bytes, not %d" % (peer.served, most))


def no_space(number):
    """A case: no write succeeds from the given one on."""
    @lib.case("no space from write number %d on: what was verified is kept" % number)
    def _(box):
        torrent = box.torrent(FILES, piece_length=PIECE)
        result, verified = failing(box, torrent, ("pwrite64", "error=ENOSPC:when=%d+" % number))
        lib.check("space" in result.err, "does not speak of space", result)
        lib.check(any(name in result.err for name, _ in FILES), "names no file", result)
        completes(box, torrent, len(torrent.data) - verified)


for first in (2, 3, 7, 15, 31):
    no_space(first)


@lib.case("one write fails, all others succeed: the piece is not believed")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    for number in (1, 4, 9):
        _, verified = failing(box, torrent, ("pwrite64", "error=EIO:when=%d" % number))
        lib.check(verified < len(torrent.data), "verified all the same")
    completes(box, torrent, len(torrent.data))


@lib.case("writes that would block are tried again")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0, env=lib.TRACED,
                 prefix=traced([("pwrite64", "error=EAGAIN:when=2+5")]))
    box.compare(torrent)


# What the kernel could not write it drops, and says so once: the data of that time are gone, though
# reading them back may still work. (With strace they are not gone, so only the exit code is seen.)

@lib.case("the sync at the end fails")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    result, _ = failing(box, torrent, ("fdatasync", "error=EIO"))
    lib.check("disk may be failing" in result.err, "does not say it", result)
    completes(box, torrent, len(torrent.data))


@lib.case("one of many syncs fails, and none after it")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    failing(box, torrent, ("fdatasync", "error=EIO:when=2"))
    completes(box, torrent, len(torrent.data))


@lib.case("the folders cannot be synced")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    failing(box, torrent, ("fsync", "error=EIO:when=3+"))
    completes(box, torrent, len(torrent.data))


@lib.case("the sync before a record fails: the record claims nothing of it")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    peer = box.peer(peers.Gated, torrent)
    running = box.start_download(torrent, peers=[peer], env=lib.TRACED,
                                 prefix=traced([("fdatasync", "error=EIO")]))
    lib.wait_for(lambda: peer.waiting and peer.served >= len(torrent.data) - 2 * PIECE, 60,
                 "all but the held piece", running)
    result = running.wait(expect=5)  # until the record is due
    lib.check(".payload.weft" in box.listing(), "no record: %s" % box.listing())
    with open(os.path.join(box.downloads, ".payload.weft"), "rb") as record:
        claimed = record.read()[-20 - PIECES // 8:-20]
    lib.check(claimed == bytes(PIECES // 8), "claims %s" % claimed.hex(), result)
    completes(box, torrent, len(torrent.data))


# --- the record ---

def no_record(text, *faults):
    """A case: the first record cannot be written, so nothing is begun."""
    @lib.case("the first record cannot be %s: nothing is begun" % text)
    def _(box):
        torrent = box.torrent(FILES, piece_length=PIECE)
        peer = box.peer(peers.Peer, torrent)
        result, _ = failing(box, torrent, *faults, peer=peer)
        lib.check("record" in result.err, "does not say what failed", result)
        lib.check(peer.connections == 0, "connected all the same", result)
        lib.check(box.listing() == [], "left behind: %s" % box.listing(), result)


no_record("synced", ("fsync", "error=EIO"))
no_record("renamed", ("renameat,renameat2", "error=EIO"))


@lib.case("a later record cannot be written: the earlier one survives, and the data are kept")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    peer = box.peer(peers.Gated, torrent)
    running = box.start_download(torrent, peers=[peer], env=lib.TRACED)
    lib.wait_for(lambda: peer.waiting and peer.served >= len(torrent.data) - 2 * PIECE, 60,
                 "all but the held piece", running)
    # Only now: strace counts for each thread by itself, so it could not spare the first record.
    box.spawn(traced([("renameat,renameat2", "error=ENOSPC")], "-p", str(running.process.pid)),
              ready="attached")
    running.signal(signal.SIGINT)
    result = running.wait(expect=130)
    lib.check("record" in result.err, "does not say that it could not be written", result)
    lib.check(box.listing() == [".payload.weft", "payload"], "there is %s" % box.listing())
    completes(box, torrent, IN_FLIGHT)


# --- reading ---

@lib.case("a piece that cannot be read back is told and fetched again")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    torrent.write_data(box.downloads)
    peer = box.peer(peers.Peer, torrent)
    result = box.download(torrent, peers=[peer], expect=0, env=lib.TRACED,
                          prefix=traced([("pread64", "error=EIO:when=3")]))
    lib.check(any(name in result.err for name, _ in FILES), "names no file", result)
    box.compare(torrent)
    lib.check(0 < peer.served <= 16 * PIECE, "fetched %d bytes" % peer.served, result)


if __name__ == "__main__":
    lib.main()
