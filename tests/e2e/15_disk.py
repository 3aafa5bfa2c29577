#!/usr/bin/python3 -B
"""Goal: a disk that fails ends the download with exit 5 and a sentence that helps, loses nothing
that was verified, and the next run completes (FAULTS D1 to D6)."""

import os
import subprocess

import disks
import lib
import peers
from torrents import KIB, MIB

SIZE, PIECE = 8 * MIB, 64 * KIB


def under_strace(fault):
    """A prefix that makes system calls of weft fail."""
    lib.needs_program("strace")
    return ["strace", "-f", "-o", "/dev/null", "-e", "trace=" + fault.partition(":")[0],
            "-e", "inject=" + fault]


@lib.case("a full disk ends with exit 5; with more space the next run goes on")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    with disks.tmpfs(box, SIZE // 2) as disk:
        first = box.peer(peers.Peer, torrent)
        result = box.download(torrent, peers=[first], output=disk + "/", expect=5)
        lib.check("space" in result.err, "does not speak of space", result)
        kept = disks.bytes_used(disk)
        lib.check(kept > SIZE // 4, "kept only %d bytes" % kept, result)
        subprocess.run(["mount", "-o", "remount,size=%d" % (2 * SIZE), disk], check=True)
        second = box.peer(peers.Peer, torrent)
        box.download(torrent, peers=[second], output=disk + "/", expect=0)
        box.compare(torrent, disk)
        lib.check(second.served <= SIZE - kept + 2 * MIB,
                  "had %d bytes and fetched %d" % (kept, second.served))


@lib.case("--allocate=full notices a full disk before it begins")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    with disks.tmpfs(box, SIZE // 2) as disk:
        peer = box.peer(peers.Peer, torrent)
        box.download(torrent, "--allocate=full", peers=[peer], output=disk + "/", expect=5)
        lib.check(peer.served == 0, "fetched %d bytes" % peer.served)
        subprocess.run(["mount", "-o", "remount,size=%d" % (2 * SIZE), disk], check=True)
        box.download(torrent, "--allocate=full", peers=[peer], output=disk + "/", expect=0)
        box.compare(torrent, disk)


@lib.case("all ways to allocate give the same files")
def _(box):
    torrent = box.torrent([("a", 300 * KIB), ("b/c", 1), ("empty", 0)], piece_length=PIECE)
    peer = box.peer(peers.Peer, torrent)
    for how in ("none", "sparse", "full"):
        folder = box.path(how)
        os.mkdir(folder)
        box.download(torrent, "--allocate", how, peers=[peer], output=folder + "/", expect=0)
        box.compare(torrent, folder)


@lib.case("a read-only file system ends with exit 5 before any traffic")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    with disks.tmpfs(box, SIZE) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        peer = box.peer(peers.Peer, torrent)
        result = box.download(torrent, peers=[peer], output=disk + "/", expect=5)
        lib.check(peer.connections == 0, "connected all the same", result)


@lib.case("a folder without permission ends with exit 5 before any traffic")
def _(box):
    lib.needs_program("setpriv")
    if os.geteuid() != 0:
        raise lib.Skip("needs root to become somebody else")
    torrent = box.torrent(SIZE, piece_length=PIECE)
    os.chmod(box.folder, 0o755)
    os.chmod(box.downloads, 0o555)
    peer = box.peer(peers.Peer, torrent)
    # Root without this capability is bound by permissions like anybody.
    result = box.download(torrent, peers=[peer], expect=5, prefix=[
        "setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps",
        "-dac_override,-dac_read_search"])
    lib.check(peer.connections == 0, "connected all the same", result)
    lib.check(box.listing() == [], "left %s" % box.listing(), result)


def fails(text, fault, *arguments):
    """A case: with this fault the run ends with 5; without it the next completes and refetches
    little."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent([("a/one", SIZE // 2), ("two", SIZE // 2)], piece_length=PIECE)
        peer = box.peer(peers.Peer, torrent)
        result = box.download(torrent, *arguments, peers=[peer], expect=5, env=lib.TRACED,
                              prefix=under_strace(fault))
        lib.check(len(result.err) > 20, "says nothing", result)
        box.download(torrent, peers=[peer], expect=0)
        box.compare(torrent)


def survives(text, fault):
    """A case: this fault is no reason to stop."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent([("a/one", SIZE // 2), ("two", SIZE // 2)], piece_length=PIECE)
        box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0, env=lib.TRACED,
                     prefix=under_strace(fault))
        box.compare(torrent)


fails("no space from the fifth write on", "pwrite64:error=ENOSPC:when=5+")
fails("an I/O error in the third write", "pwrite64:error=EIO:when=3")
fails("a quota in the second write", "pwrite64:error=EDQUOT:when=2+")
fails("no space in the very first write", "pwrite64:error=ENOSPC:when=1+")
fails("an I/O error when data are synced", "fdatasync:error=EIO:when=1+")
fails("no file can be given its length", "ftruncate:error=EFBIG:when=1+")
survives("writes that are interrupted", "pwrite64:error=EINTR:when=2+3")


@lib.case("a limit on the size of files ends with exit 5")
def _(box):
    torrent = box.torrent(SIZE, piece_length=PIECE)
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, "--allocate=none", peers=[peer], expect=5,
                 prefix=["bash", "-c", 'ulimit -f 2000; exec "$@"', "-"])
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
