#!/usr/bin/python3 -B
"""Goal: a download that comes to nothing leaves the disk as it was before (FAULTS D1), whatever
ended it; what an earlier run has verified is kept. A download that is complete asks for no
permission to write, and a check that is interrupted changes nothing."""

import os
import shutil
import signal
import subprocess

import disks
import lib
import peers
from torrents import KIB, MIB

FILES = [("a/one", 1 * MIB + 5), ("a/b/empty", 0), ("two", 300 * KIB)]
PIECE = 64 * KIB
NOBODY = ("--timeout", "1")


class Half(peers.Peer):
    """Serves all blocks but the last of each piece, so that data come and never a piece."""

    def serve(self, connection, index, begin, length):
        if begin + length < len(self.torrent.piece(index)):
            super().serve(connection, index, begin, length)


def traced(faults, *options):
    """A prefix for weft under strace: {call: fault}."""
    lib.needs_program("strace")
    command = ["strace", "-f", *options, "-e", "trace=" + ",".join(faults)]
    for call, fault in faults.items():
        command += ["-e", "inject=%s:%s" % (call, fault)]
    return command


# --- nothing came of it ---

@lib.case("nobody to download from: no folder is left, not even the one that was made to save into")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    box.download(torrent, *NOBODY, output=box.downloads + "/new/", expect=4)
    lib.check(box.listing() == [], "left behind: %s" % box.listing())


@lib.case("nobody to download from: what was there stays as it was")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    os.makedirs(os.path.join(box.downloads, "payload", "a", "b"))
    for name in ("a/b/note", "a/one"):
        with open(os.path.join(box.downloads, "payload", name), "w") as out:
            out.write("mine" if name == "a/b/note" else "")
    before = sorted(os.walk(box.downloads))
    box.download(torrent, *NOBODY, expect=4)
    lib.check(sorted(os.walk(box.downloads)) == before, "not as before",
              sorted(os.walk(box.downloads)))
    lib.check(os.path.getsize(os.path.join(box.downloads, "payload", "a", "one")) == 0, "grown")


def interrupted(text, files, number, code):
    """A case: a signal while data came, but no whole piece."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent(files, piece_length=PIECE)
        peer = box.peer(Half, torrent)
        running = box.start_download(torrent, peers=[peer])
        lib.wait_for(lambda: peer.served > 2 * PIECE, 30, "some data", running)
        running.signal(number)
        result = running.wait(30, expect=code)
        lib.check(box.listing() == [], "left behind: %s" % box.listing(), result)


interrupted("SIGINT before the first piece of many files", FILES, signal.SIGINT, 130)
interrupted("SIGTERM before the first piece of a single file", 3 * MIB, signal.SIGTERM, 143)


@lib.case("a disk that is full before the first piece is whole")
def _(box):
    torrent = box.torrent([("a/one", 3 * MIB), ("two", 5 * MIB)], piece_length=4 * MIB)
    with disks.tmpfs(box, 1 * MIB) as disk:
        result = box.download(torrent, peers=[box.peer(peers.Peer, torrent)], output=disk + "/",
                              expect=5)
        lib.check("space" in result.err, "does not speak of space", result)
        lib.check("goes on" not in result.err, "there is nothing to go on from", result)
        lib.check(box.listing(disk) == [], "left behind: %s" % box.listing(disk), result)


@lib.case("a disk that is too small for --allocate=full")
def _(box):
    torrent = box.torrent([("a/one", 1 * MIB), ("two", 3 * MIB)], piece_length=PIECE)
    with disks.tmpfs(box, 2 * MIB) as disk:
        result = box.download(torrent, "--allocate=full", peers=[box.peer(peers.Peer, torrent)],
                              output=disk + "/", expect=5)
        lib.check(box.listing(disk) == [], "left behind: %s" % box.listing(disk), result)


@lib.case("files that cannot be made")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    for fault in ({"ftruncate": "error=EFBIG:when=2+"}, {"mkdirat": "error=ENOSPC:when=3+"}):
        result = box.download(torrent, peers=[box.peer(peers.Peer, torrent)], env=lib.TRACED,
                              prefix=traced(fault, "-o", "/dev/null"), expect=5)
        lib.check(box.listing() == [], "left behind: %s" % box.listing(), result)


# --- what an earlier run got ---

def begun(box):
    """A download that was interrupted with about half of its pieces; (torrent, bytes fetched)."""
    torrent = box.torrent([("a/one", 3 * MIB), ("two", 3 * MIB)], piece_length=PIECE)
    _, fetched = box.interrupted(torrent, 4 * MIB, 3 * MIB)
    return torrent, fetched


def kept(box, torrent, fetched):
    """Fails unless the next run goes on from what was fetched."""
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=0)
    box.compare(torrent)
    lib.check(fetched + peer.served <= len(torrent.data) + 1 * MIB,
              "fetched %d and then %d of %d bytes" % (fetched, peer.served, len(torrent.data)))


@lib.case("nobody to download from: what an earlier run got is kept")
def _(box):
    torrent, fetched = begun(box)
    box.download(torrent, *NOBODY, expect=4)
    lib.check(".payload.weft" in box.listing(), "no record: %s" % box.listing())
    kept(box, torrent, fetched)


@lib.case("files that cannot be given their length: what an earlier run got is kept")
def _(box):
    torrent, fetched = begun(box)
    box.download(torrent, "--allocate=full", expect=5, env=lib.TRACED,
                 prefix=traced({"fallocate": "error=ENOSPC"}, "-o", "/dev/null"))
    lib.check(".payload.weft" in box.listing(), "no record: %s" % box.listing())
    kept(box, torrent, fetched)


@lib.case("data that somebody else put there get no record when the download cannot begin")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    torrent.write_data(box.downloads)
    os.truncate(os.path.join(box.downloads, "payload", "a", "one"), 500 * KIB)
    before = disks.snapshot(box.downloads)
    box.download(torrent, expect=5, env=lib.TRACED,
                 prefix=traced({"ftruncate": "error=EFBIG:when=1"}, "-o", "/dev/null"))
    lib.check(disks.snapshot(box.downloads) == before, "changed", box.listing())


# --- complete, and not to be written to ---

# Root without these is bound by permissions like anybody.
PLAIN = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps",
         "-dac_override,-dac_read_search"]
CHANGES = ("O_CREAT", "O_RDWR", "O_WRONLY", "unlink", "mkdir", "rename", "truncate", "fallocate",
           "pwrite")


def untouched(box, torrent, prefix, folder=None):
    """Downloads what is complete; fails unless that ends with 0, silently, without so much as a try
    to change anything."""
    folder = folder or box.downloads
    lib.needs_program("strace")
    before = disks.snapshot(folder)
    trace = box.path("trace")
    result = box.download(torrent, output=folder + "/", expect=0, env=lib.TRACED, prefix=prefix + [
        "strace", "-f", "-o", trace, "-e", "trace=%file,%desc"])
    lib.check(disks.snapshot(folder) == before, "changed", box.listing(folder), result)
    with open(trace) as text:
        tries = [line for line in text if any(word in line for word in CHANGES)
                 and ("payload" in line or "pwrite" in line or "ftruncate" in line)]
    lib.check(not tries, "tried to change something", *tries)
    lib.check("record" not in result.err and "denied" not in result.err, "complains", result)


def complete(text, files):
    """Two cases: files without permission to write, hard links."""
    @lib.case("complete and write-protected: exit 0 (%s)" % text)
    def _(box):
        lib.needs_program("setpriv")
        if os.geteuid() != 0:
            raise lib.Skip("needs root to become somebody else")
        torrent = box.torrent(files, piece_length=PIECE)
        torrent.write_data(box.downloads)
        for where, folders, names in os.walk(box.downloads):
            for name in folders + names:
                os.chmod(os.path.join(where, name), 0o555 if name in folders else 0o444)
        os.chmod(box.downloads, 0o555)
        untouched(box, torrent, PLAIN)

    @lib.case("complete and with several names: exit 0 (%s)" % text)
    def _(box):
        torrent = box.torrent(files, piece_length=PIECE)
        torrent.write_data(box.path())
        shutil.copytree(box.path("payload"), os.path.join(box.downloads, "payload"),
                        copy_function=os.link) if torrent.files[0].path else \
            os.link(box.path("payload"), os.path.join(box.downloads, "payload"))
        untouched(box, torrent, [])

    @lib.case("complete on a read-only file system: exit 0 (%s)" % text)
    def _(box):
        torrent = box.torrent(files, piece_length=PIECE)
        with disks.tmpfs(box, 8 * MIB) as disk:
            torrent.write_data(disk)
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            untouched(box, torrent, [], disk)


complete("many files", FILES)
complete("a single file", 1 * MIB + 5)


# --- the check ---

def check_interrupted(text, prepare):
    """A case: SIGINT while the data that `prepare(box, torrent)` put there are checked."""
    @lib.case(text)
    def _(box):
        torrent = box.torrent([("a/one", 12 * MIB), ("two", 4 * MIB)], piece_length=PIECE)
        prepare(box, torrent)
        before = disks.snapshot(box.downloads)
        trace = box.path("trace")

        def reads():
            """How many reads of the data have ended."""
            if not os.path.exists(trace):
                return 0
            with open(trace) as lines:
                return sum("pread64" in line for line in lines)

        # Each read takes so long that the signal comes in the middle. -D: weft itself is our child.
        running = box.start_download(torrent, env=lib.TRACED, prefix=traced(
            {"pread64": "delay_enter=50000"}, "-D", "-o", trace))
        lib.wait_for(lambda: reads() > 4, 60, "the check", running)
        running.signal(signal.SIGINT)
        result = running.wait(60, expect=130)
        lib.check(reads() < len(torrent.pieces), "checked all the same", result)
        lib.check(disks.snapshot(box.downloads) == before, "something changed", result)


def somebody_elses(box, torrent):
    """Complete data and no record."""
    torrent.write_data(box.downloads)


def one_grown(box, torrent):
    """Data in part, and the record of a run that was killed."""
    torrent.write_data(box.downloads)
    os.truncate(os.path.join(box.downloads, "payload", "two"), 0)
    peer = box.peer(peers.Mute, torrent)
    running = box.start_download(torrent, peers=[peer])
    lib.wait_for(lambda: peer.requests, 60, "a request", running)
    running.kill()
    os.truncate(os.path.join(box.downloads, "payload", "two"), 3 * MIB)
    lib.check(".payload.weft" in box.listing(), "no record: %s" % box.listing())


check_interrupted("SIGINT while data without a record are checked", somebody_elses)
check_interrupted("SIGINT while data are checked that changed since the record", one_grown)


if __name__ == "__main__":
    lib.main()
