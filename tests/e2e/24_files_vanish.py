#!/usr/bin/python3 -B
"""Goal: whatever somebody does to the files while they are being downloaded (FAULTS D7), weft never
ends with 0 and a wrong file: it fetches again what is gone, or ends with exit 5 and names the file.
What was put in their place is not touched. A record that was written meanwhile claims nothing that
is gone.

WEFT_SEED makes the moments the same again."""

import ctypes
import os
import random
import shutil
import signal
import subprocess
import time

import disks
import lib
import peers
from torrents import KIB, MIB

FILES = [("a/one", 2 * MIB + 77), ("a/b/two", 1 * MIB - 12345), ("empty", 0), ("three", 3 * MIB)]
PIECE = 64 * KIB
LETTER = b"not to be written through a link\n"
RATE = 6 * MIB  # so that a download takes a second
SEED = int(os.environ.get("WEFT_SEED", random.randrange(1 << 30)))


class Source(peers.Gated, peers.Slow):
    """A slow seeder that holds one piece back: what is done to the files before its gate is opened
    is done before weft looks at them for the last time."""


class Vandal:
    """Does something to files of a download, and knows what it has put there."""

    def __init__(self, box, torrent, number):
        self.box = box
        self.random = random.Random(SEED + number)
        self.paths = [os.fsdecode(path) for path, _ in torrent.places(box.downloads)]
        self.top = os.path.join(box.downloads, "payload")
        self.letters = {}  # path: content
        self.folders = []
        self.outside = box.path("letter")
        with open(self.outside, "wb") as out:
            out.write(LETTER)

    def pick(self):
        """A file of the torrent that is there."""
        return self.random.choice([p for p in self.paths if os.path.isfile(p)])

    def delete(self):
        """One file is gone."""
        os.remove(self.pick())

    def delete_all(self):
        """The whole folder is gone."""
        shutil.rmtree(self.top)

    def move(self):
        """One file has another name."""
        os.rename(self.pick(), self.box.path("moved.%d" % self.box.number()))

    def move_folder(self):
        """A folder has another name."""
        os.rename(os.path.join(self.top, "a"), self.box.path("moved.%d" % self.box.number()))

    def cut(self):
        """One file ends somewhere."""
        path = self.pick()
        os.truncate(path, self.random.randrange(os.path.getsize(path) + 1))

    def cut_and_stretch(self):
        """One file ends somewhere, and has its length again."""
        path = self.pick()
        length = os.path.getsize(path)
        os.truncate(path, self.random.randrange(length + 1))
        os.truncate(path, length)

    def punch(self):
        """One file has a hole."""
        path = self.pick()
        at = self.random.randrange(os.path.getsize(path) + 1)
        subprocess.run(["fallocate", "--punch-hole", "--keep-size", "--offset", str(at), "--length",
                        str(self.random.randrange(8 * KIB, 1 * MIB)), path], check=True)

    def stretch(self):
        """One file is longer."""
        with open(self.pick(), "ab") as out:
            out.write(b"something after the end")

    def replace(self):
        """Another file, of the same length, has the name."""
        path = self.pick()
        self.letters[path] = self.random.randbytes(os.path.getsize(path) or 7)
        with open(self.outside + ".new", "wb") as out:
            out.write(self.letters[path])
        os.rename(self.outside + ".new", path)

    def link(self):
        """A link has the name."""
        path = self.pick()
        os.remove(path)
        os.symlink(self.outside, path)

    def folder(self):
        """A folder has the name."""
        path = self.pick()
        os.remove(path)
        os.mkdir(path)
        self.folders.append(path)

    def check(self):
        """Fails if something that is not weft's was changed."""
        for path, content in self.letters.items():
            with open(path, "rb") as data:
                lib.check(data.read() == content, "%s was overwritten" % path)
        with open(self.outside, "rb") as data:
            lib.check(data.read() == LETTER, "written through a link")
        lib.check(all(map(os.path.isdir, self.folders)), "a folder is gone")

    def clean_up(self):
        """Takes away what was put in the way."""
        for path in self.letters:
            os.remove(path)
        for path in self.folders:
            os.rmdir(path)
        for path in self.paths:
            if os.path.islink(path):
                os.remove(path)


def vandalised(box, name, number, acts):
    """A torrent, its seeder, and a download at whose files something was done `acts` times."""
    torrent = box.torrent(FILES, piece_length=PIECE)
    vandal = Vandal(box, torrent, number)
    source = box.peer(Source, torrent, rate=RATE, held=vandal.random.randrange(len(torrent.pieces)))
    print("# WEFT_SEED=%d" % SEED)
    running = box.start_download(torrent, peers=[source])
    lib.wait_for(lambda: all(map(os.path.exists, vandal.paths)), 30, "the files", running)
    for _ in range(acts):
        time.sleep(vandal.random.random() * 1.2 / acts)
        # Weft may have given up already, or a file be gone by what was done before.
        try:
            if running.running():
                getattr(vandal, name)()
        except (OSError, IndexError):
            pass
    return torrent, source, vandal, running


def completes(box, torrent, text):
    """Fails unless a further run ends with 0 and the right files."""
    result = box.download(torrent, peers=[box.peer(peers.Peer, torrent)])
    lib.check(result.code == 0, text, result)
    box.compare(torrent)


def needs_hearing(box):
    """Skips the case where the system does not tell what other programs do to files, which is for
    fanotify to do, asked as weft asks it; then only `weft verify` finds all that they did."""
    libc = ctypes.CDLL(None, use_errno=True)
    report_fid, close_on_exec, mark_add, modify = 0x200, 1, 1, 2
    group = libc.fanotify_init(report_fid | close_on_exec, os.O_RDONLY)
    marked = -1
    if group >= 0:
        with open(box.path("probe"), "w+b") as probe:
            marked = libc.fanotify_mark(group, mark_add, ctypes.c_uint64(modify), probe.fileno(),
                                        None)
    why = os.strerror(ctypes.get_errno())
    if group >= 0:
        os.close(group)
    if marked != 0:
        raise lib.Skip("needs to hear of what other programs do to files (fanotify): %s" % why)


# These may leave zeros at the end of a piece, in the last block of what was written, and beside it
# a hole that a piece which comes later fills: then nothing on disk tells of them.
UNTRACEABLE = ["cut_and_stretch", "punch"]


def vandalism(number, name, in_the_way, acts=2):
    """Two cases: the download goes on; the download is interrupted, and another goes on."""
    what = getattr(Vandal, name).__doc__.rstrip(".").lower()

    @lib.case("while it is downloaded %s" % what)
    def _(box):
        if name in UNTRACEABLE:
            needs_hearing(box)
        torrent, source, vandal, running = vandalised(box, name, number, acts)
        source.open_gate()
        result = running.wait(expect=5 if in_the_way else 0)
        if result.code == 0:
            box.compare(torrent)
            return
        lib.check(any(path in result.err for path in vandal.paths), "names no file", result)
        vandal.check()
        vandal.clean_up()
        completes(box, torrent, "does not go on")

    @lib.case("before it is interrupted %s" % what)
    def _(box):
        torrent, _, vandal, running = vandalised(box, name, number + 1000, 1)
        time.sleep(vandal.random.random() * 0.2)
        running.signal(signal.SIGINT)
        result = running.wait()
        lib.check(result.code in (130, 5), "exit %d" % result.code, result)
        vandal.check()
        if any(map(os.path.exists, vandal.letters)):  # the record must not vouch for a letter
            result = box.download(torrent, "--timeout", "1")
            lib.check(result.code == 5, "exit %d with a letter there" % result.code, result)
            lib.check(any(path in result.err for path in vandal.letters), "names no letter", result)
            vandal.check()
        vandal.clean_up()
        completes(box, torrent, "does not complete afterwards")


for index, (act, obstacle) in enumerate([
        ("delete", False), ("delete_all", False), ("move", False), ("move_folder", False),
        ("cut", False), ("cut_and_stretch", False), ("punch", False), ("stretch", False),
        ("replace", True), ("link", True), ("folder", True)]):
    vandalism(index, act, obstacle)


def plugged(box):
    """A download of which one piece is missing, and the end of the piece before it has been punched
    together with the beginning of that: when it comes, there will be no hole any more."""
    torrent = box.torrent([("short", 1000), ("long", 640 * KIB)], piece_length=PIECE)
    source = box.peer(peers.Gated, torrent, held=4)
    running = box.start_download(torrent, peers=[source])
    path = os.path.join(box.downloads, "payload", "long")
    edge = 4 * PIECE - 1000

    def arrived():
        """Is all there but that piece?"""
        if not os.path.exists(path):
            return False
        with open(path, "rb") as data:
            found = data.read()
        wanted = torrent.data[1000:]
        return found[:edge] == wanted[:edge] and found[edge + PIECE:] == wanted[edge + PIECE:]

    lib.wait_for(arrived, 30, "all but one piece", running)
    subprocess.run(["fallocate", "--punch-hole", "--keep-size", "--offset", str(edge - 3000),
                    "--length", str(20 * KIB), path], check=True)
    return torrent, source, running


@lib.case("while it is downloaded a hole is made that the next piece plugs")
def _(box):
    needs_hearing(box)
    torrent, source, running = plugged(box)
    source.open_gate()
    running.wait(expect=0)
    box.compare(torrent)


@lib.case("before it is interrupted a hole is made that the next piece plugs")
def _(box):
    torrent, _, running = plugged(box)
    running.signal(signal.SIGINT)
    running.wait(expect=130)
    completes(box, torrent, "does not complete afterwards")


def folder_moves(text, files, top):
    """A case: the output folder is moved away when all but a piece is there; then it is put back,
    and nothing is fetched again."""
    @lib.case("while it is downloaded the folder that holds %s is moved away" % text)
    def _(box):
        torrent = box.torrent(files, piece_length=PIECE)
        source = box.peer(peers.Gated, torrent)
        running = box.start_download(torrent, peers=[source])
        lib.wait_for(lambda: source.served >= len(torrent.data) - PIECE, 60, "most of it", running)
        os.rename(box.downloads, box.path("elsewhere"))
        source.open_gate()
        result = running.wait()
        lib.check(result.code == 5, "exit %d without %s" % (result.code, top), result)
        lib.check(box.downloads in result.err and "moved" in result.err, "does not say", result)
        lib.check("saved" not in result.err, "says that it was saved", result)
        lib.check("are there" not in result.err, "says that it is there", result)
        os.rename(box.path("elsewhere"), box.downloads)
        box.download(torrent, expect=0)
        box.compare(torrent)


folder_moves("a single file", 4 * MIB, "payload")
folder_moves("many files", FILES, "payload/a/one")


@lib.case("from libtorrent: what was deleted when half of it was there is fetched again")
def _(box):
    torrent = box.torrent(FILES, piece_length=PIECE)
    running = box.start_download(torrent, peers=[box.libtorrent(torrent, 2 * MIB)])
    lib.wait_for(lambda: disks.bytes_used(box.downloads) > 3 * MIB, 60, "half of it", running)
    shutil.rmtree(os.path.join(box.downloads, "payload", "a"))
    running.wait(90, expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
