#!/usr/bin/python3 -B
"""Goal: what a user reads is true, and said once: who was banned did not hang up, trackers that
can't be asked are named at once, two reasons for standing still are both told, and each error is
one line that says what, where and why."""

import os
import shutil

import disks
import lib
import peers
from torrents import KIB, MIB


def lines(result):
    """What weft wrote to stderr, line by line."""
    return result.err.splitlines()


class PartialChoker(peers.Choker, peers.Partial):
    """Has some pieces only, and never lets anybody have them."""


@lib.case("a banned peer is counted once, as banned: it did not hang up")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    liar = box.peer(peers.Corrupt, torrent)
    result = box.download(torrent, "-vv", "--timeout", "2", peers=[liar], expect=4)
    lib.check("hung up" not in result.err, "says that it hung up", result)
    lib.check("1 address known: banned for wrong data" in result.err, "another count", result)
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
    choker = box.peer(PartialChoker, torrent, range(7))
    result = box.download(torrent, "--stall-timeout", "2", peers=[choker], expect=7)
    lib.check("the only connected peer chokes us: waiting for a turn; 1 missing piece is with "
              "nobody" in result.err, "another reason", result)


# What is in the way, before anything begins: (what to make, PATH, what is said).

def folder(*names):
    """Makes a folder."""
    return lambda box: os.makedirs(box.path("here", *names))


def text(*names):
    """Makes a file that is somebody else's."""
    def make(box):
        os.makedirs(os.path.dirname(box.path("here", *names)), exist_ok=True)
        with open(box.path("here", *names), "w") as out:
            out.write("somebody else's")
    return make


def link(target, *names):
    """Makes a symbolic link."""
    def make(box):
        os.makedirs(os.path.dirname(box.path("here", *names)), exist_ok=True)
        os.symlink(target, box.path("here", *names))
    return make


def nothing(_box):
    """Makes nothing."""


IN_THE_WAY = [
    (nothing, "n" * 300, ("nnn", "name is too long", "shorter")),
    (nothing, "no/folder", ("no/: ", "does not exist; make it first")),
    (nothing, "no/such/", ("no/such/: the folder above it does not exist",)),
    (nothing, "/proc/", ("/proc/", "choose another place")),
    (nothing, "/dev/null", ("/dev/null is no regular file",)),
    (text("payload"), "", ("payload is already there", "--overwrite")),
    (text("payload"), "payload/", ("payload/: something that is no folder",)),
    (folder("payload"), "", ("payload is a folder, but the torrent is a single file",)),
    (link("/tmp", "payload"), "", ("payload is a symbolic link",)),
]

IN_THE_WAY_OF_MANY = [
    (text("payload"), "", ("payload is a file, but the torrent needs a folder there",)),
    (text("payload", "a"), "", ("payload/a/b: ", "no folder is where its folder should be")),
    (folder("payload", "c"), "", ("payload/c: a folder is in its place",)),
    (link("/etc/passwd", "payload", "c"), "", ("payload/c: a symbolic link is in its place",)),
]


@lib.case("what is in the way is one line: what, where, why")
def _(box):
    os.mkdir(box.path("here"))
    one = box.torrent(100 * KIB)
    many = box.torrent([(["a", "b"], 50 * KIB), (["c"], 70 * KIB)])
    table = [(one, row) for row in IN_THE_WAY] + [(many, row) for row in IN_THE_WAY_OF_MANY]
    for torrent, (make, path, words) in table:
        make(box)
        result = box.weft(torrent.file, *([path] if path else []), "--json", "--peer",
                          "127.0.0.1:1", cwd=box.path("here"), expect=5)
        said = lines(result)
        lib.check(len(said) == 1 and all(word in said[0] for word in words), words, result)
        lib.check(said[0] == "weft: " + result.events("done")[0]["why"], "not the reason in --json",
                  result)
        shutil.rmtree(box.path("here"))
        os.mkdir(box.path("here"))


@lib.case("a full disk is one error, and what it means for the record one warning")
def _(box):
    torrent = box.torrent(6 * MIB, piece_length=64 * KIB)
    with disks.tmpfs(box, 3 * MIB) as disk:
        result = box.download(torrent, peers=[box.peer(peers.Peer, torrent)], output=disk + "/",
                              expect=5)
    errors = [line for line in lines(result) if line.startswith("weft: ")
              and "warning" not in line]
    lib.check(len(errors) == 1 and "payload: no space left on the disk; make room" in errors[0],
              errors, result)
    lib.check(result.err.count("resume record") <= 1, "the record is told twice", result)
    lib.check("6.0 MiB are to be written, but the disk has only 3.0 MiB" in result.err,
              "no warning before", result)


@lib.case("verify says of what it may not read that it may not, and not that it is bad")
def _(box):
    lib.needs_program("setpriv")
    if os.geteuid() != 0:
        raise lib.Skip("needs root to become somebody else")
    torrent = box.torrent([(["one"], 64 * KIB), (["two"], 64 * KIB)], piece_length=64 * KIB)
    torrent.write_data(box.downloads)
    os.chmod(os.path.join(box.downloads, "payload", "two"), 0)
    result = box.weft("verify", torrent.file, box.downloads, expect=8, prefix=[
        "setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps",
        "-dac_override,-dac_read_search"])
    lib.check("unreadable " in result.out and "bad" not in result.out, "called bad", result)
    lib.check("1 of 2 files is not right" in result.out and "check its permissions" in result.out,
              "another summary", result)


@lib.case("a log file that can't be opened is one line with the reason")
def _(box):
    os.symlink("nowhere", box.path("link"))
    os.mkdir(box.path("dir"))
    os.mkfifo(box.path("fifo"))
    for name, words in (("link", "it is a symbolic link"), ("dir", "it is a folder"),
                        ("no/log", "the folder it should be in does not exist"),
                        ("fifo", "nobody reads from that pipe")):
        result = box.weft("info", "--log-file", name, "x", expect=5)
        lib.check(len(lines(result)) == 1 and "'%s' can't be opened: %s" % (name, words)
                  in result.err, name, result)
    result = box.weft("info", "--log-file", "/dev/full", "x", expect=3)
    lib.check("the log file can no longer be written (No space left on device)" in result.err,
              "not told", result)


@lib.case("what is no TORRENT is one line with the reason")
def _(box):
    for name, code, words in (
            ("http://", 4, "not a valid URL: it names no host"),
            ("ftp://a/b.torrent", 3, "weft knows only http:// and https:// URLs"),
            ("file:///b.torrent", 3, "the path of the file alone"),
            ("www.example.org/b.torrent", 3, "a URL begins with http:// or https://"),
            ("missing.torrent", 3, "check its name"), (".", 3, "is a folder")):
        for command in ([], ["info"], ["download", "-q"]):
            result = box.weft(*command, name, expect=code)
            lib.check(len(lines(result)) == 1 and words in result.err, name, result)
    result = box.weft("-v", "verify", "x.torrent", expect=2)
    lib.check("it goes before the options: weft verify" in result.err, "no hint", result)


if __name__ == "__main__":
    lib.main()
