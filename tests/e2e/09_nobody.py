#!/usr/bin/python3 -B
"""Goal: with nothing to download from, weft says so and ends with exit 4 once --timeout is over,
and leaves nothing behind: no file, no folder, no record."""

import contextlib
import glob
import socket

import lib
import peers
import trackers
from torrents import MIB, bencode


def gives_up(box, torrent, *arguments, says=()):
    """Runs with a short time limit; fails unless it ends with 4 and says one of the words."""
    result = box.weft("download", "-o", box.downloads + "/", "--timeout", "3", *arguments,
                      torrent.file, expect=4, timeout=40)
    for word in says:
        lib.check(word in result.err.lower(), "does not say %r" % word, result)
    lib.check(box.listing() == [], "left behind: %s" % box.listing(), result)
    return result


@lib.case("no tracker and no peer")
def _(box):
    gives_up(box, box.torrent(1 * MIB))


@lib.case("a tracker that refuses the connection")
def _(box):
    torrent = box.torrent(1 * MIB, tracker="http://127.0.0.1:%d/announce" % lib.free_port())
    gives_up(box, torrent, says=("tracker",))


@lib.case("a tracker that knows the torrent but no peers")
def _(box):
    torrent = box.torrent(1 * MIB, tracker=box.tracker(trackers.names()).url)
    gives_up(box, torrent)


@lib.case("a tracker that says why it refuses")
def _(box):
    tracker = box.tracker(lambda query: b"d14:failure reason20:torrent not welcome!e")
    torrent = box.torrent(1 * MIB, tracker=tracker.url)
    gives_up(box, torrent, says=("torrent not welcome!",))


@lib.case("a tracker that never answers")
def _(box):
    silent = socket.create_server(("127.0.0.1", 0))
    torrent = box.torrent(1 * MIB, tracker="http://127.0.0.1:%d/a" % silent.getsockname()[1])
    gives_up(box, torrent)


@lib.case("peers that refuse the connection")
def _(box):
    torrent = box.torrent(1 * MIB)
    dead = ["--peer", "127.0.0.1:%d" % lib.free_port(), "--peer", "127.0.0.2:%d" % lib.free_port()]
    gives_up(box, torrent, "--no-trackers", *dead)


def switch_ipv6(off):
    """Switches IPv6 off or on in our network."""
    try:
        for name in glob.glob("/proc/sys/net/ipv6/conf/*/disable_ipv6"):
            with open(name, "w") as out:
                out.write("1" if off else "0")
    except PermissionError:
        raise lib.Skip("IPv6 can't be switched off here") from None


@contextlib.contextmanager
def without_ipv6():
    """IPv6 is off while the block runs."""
    lib.needs_namespaces()
    switch_ipv6(off=True)
    try:
        yield
    finally:
        switch_ipv6(off=False)


@lib.case("IPv6 addresses where IPv6 is switched off: each is dialled once, and the reason told")
def _(box):
    torrent = box.torrent(1 * MIB)
    six = b"".join(socket.inet_pton(socket.AF_INET6, "2001:db8::%x" % i) + b"\x1a\xe1"
                   for i in range(1, 31))
    box.tracker(lambda query: bencode({"interval": 60, "peers6": six}), torrent)
    with without_ipv6():
        result = gives_up(box, torrent, "-vv", says=("30 addresses known: all without a route",))
    lib.check(result.err.count(": dialling: no route") == 30, "not once for each", result)
    lib.check("out of memory" not in result.err, "a false reason", result)


@lib.case("peers that accept and never speak")
def _(box):
    torrent = box.torrent(1 * MIB)
    silent = [box.peer(peers.Silent, torrent) for _ in range(3)]
    named = [part for peer in silent for part in ("--peer", str(peer))]
    gives_up(box, torrent, "--no-trackers", *named)


def is_over(box, torrent, *arguments, says):
    """Runs without a time limit; fails unless it ends by itself, with 4, and says all of this."""
    result = box.weft("download", "-o", box.downloads + "/", "--timeout", "0", *arguments,
                      torrent.file, expect=4)
    for words in ("nobody is left to download from: ",) + says:
        lib.check(words in result.err, "does not say %r" % words, result)


@lib.case("the only peer is banned: no time limit is waited for")
def _(box):
    torrent = box.torrent(64 * 1024, piece_length=64 * 1024)
    corrupt = box.peer(peers.Corrupt, torrent)
    is_over(box, torrent, "--no-trackers", "--peer", str(corrupt),
            says=("there is no tracker to ask", "1 address known: banned for wrong data"))
    lib.check(corrupt.connections == 1, "%d connections" % corrupt.connections)


@lib.case("the only tracker is never to be asked again: no time limit is waited for")
def _(box):
    tracker = box.tracker(lambda query: bencode({"failure reason": "go away",
                                                 "retry in": "never"}))
    torrent = box.torrent(1 * MIB, tracker=tracker.url)
    is_over(box, torrent, says=(": go away (and it is not to be asked again)",))


@lib.case("a tracker that is never to be asked again does not end what a peer still serves")
def _(box):
    tracker = box.tracker(lambda query: bencode({"failure reason": "go away",
                                                 "retry in": "never"}))
    torrent = box.torrent(1 * MIB, piece_length=64 * 1024, tracker=tracker.url)
    peer = box.peer(peers.Slow, torrent, 1 * MIB)
    box.weft("download", "-o", box.downloads + "/", "--peer", str(peer), torrent.file, expect=0)
    box.compare(torrent)


@lib.case("only peers without the last piece: --stall-timeout ends with exit 7")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=128 * 1024)
    partial = box.peer(peers.Partial, torrent, range(7))
    result = box.download(torrent, "--stall-timeout", "3", peers=[partial], expect=7, timeout=60)
    lib.check("piece" in result.err, "does not say what is missing", result)
    full = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[full], expect=0)
    box.compare(torrent)
    lib.check(full.served <= 2 * 128 * 1024, "fetched %d bytes again" % full.served)


if __name__ == "__main__":
    lib.main()
