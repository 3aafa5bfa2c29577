#!/usr/bin/python3 -B
"""Goal: the commands of the exercise, against a peer and a tracker that forgive nothing: what is
printed is right to the byte, and so is what is sent. Metadata and pieces come from libtorrent and
aria2, too. What is in the way on disk is left alone, mistakes are told before anybody is asked, and
Ctrl-C ends every wait."""

import base64
import hashlib
import os
import signal
import threading

import lib
import peers
import strict
from strict import Serves, ended, info_lines, no_faults, sample, weft
from torrents import KIB, MIB


def setting(box, torrent, *names, kind=strict.StrictPeer, **rest):
    """(peer, tracker) that expect these steps. Who has only a link knows no length: it says that
    one byte is left."""
    peer = box.peer(kind, torrent, strict.script(*names), **rest)
    tracker = strict.StrictTracker(torrent, [peer], lefts=[1] if "extend" in names else None)
    box.closers.append(tracker.close)
    return peer, tracker


def announced_at(box, torrent, tracker):
    """Writes the .torrent anew, with this tracker in it."""
    torrent.write_torrent(torrent.file, tracker.url)
    return torrent.file


# --- what they print and send ---

@lib.case("decode prints JSON to the byte")
def _(box):
    for text, wanted in (
            ("5:hello", '"hello"'), ("i52e", "52"),
            ("i4294967300e", "4294967300"), ("i-52e", "-52"), ("i0e", "0"),
            ("i2147483647e", "2147483647"), ("l5:helloi52ee", '["hello",52]'), ("le", "[]"),
            ("lli4eei5ee", "[[4],5]"), ("d3:foo3:bar5:helloi52ee", '{"foo":"bar","hello":52}'),
            ("de", "{}"), ("d10:inner_dictd4:key16:value14:key2i42eee",
                           '{"inner_dict":{"key1":"value1","key2":42}}'),
            ("55:http://bittorrent-test-tracker.codecrafters.io/announce",
             '"http://bittorrent-test-tracker.codecrafters.io/announce"')):
        result = weft(box, "decode", text, expect=0)
        lib.check(result.out == wanted + "\n", text, result)


@lib.case("info prints what the exercise wants, in its order")
def _(box):
    torrent = sample(box, tracker="http://tracker.example/announce")
    result = weft(box, "info", torrent.file, expect=0)
    at = 0
    for line in info_lines(torrent, "http://tracker.example/announce").splitlines():
        found = result.out.find(line + "\n", at)
        lib.check(found >= 0 and (found == 0 or result.out[found - 1] == "\n"), line, result)
        at = found


@lib.case("peers prints each peer of the tracker on a line of its own")
def _(box):
    torrent = sample(box)
    addresses = ["127.0.0.1:51551", "192.0.2.7:6881", "198.51.100.1:1"]
    tracker = strict.StrictTracker(torrent, addresses)
    box.closers.append(tracker.close)
    result = weft(box, "peers", announced_at(box, torrent, tracker), expect=0)
    lib.check(sorted(result.out.splitlines()) == sorted(addresses), "other lines", result)
    no_faults(tracker)


@lib.case("handshake: the extension bit at most, 68 bytes, and not one more")
def _(box):
    torrent = sample(box)
    peer, _ = setting(box, torrent, reserved_allowed=(bytes(8), strict.EXTENSION_BIT))
    result = weft(box, "handshake", torrent.file, peer, expect=0)
    lib.check(result.out == "Peer ID: %s\n" % peer.peer_id.hex() and result.err == "",
              "another output", result)
    ended(peer)


@lib.case("download_piece: interested, requests under way together, the right bytes, silence")
def _(box):
    torrent = sample(box, 3 * 256 * KIB + 34461, 256 * KIB)
    peer, tracker = setting(box, torrent, "pieces")
    for index, piece in enumerate(torrent.pieces):
        out = box.path("piece-%d" % index)
        result = weft(box, "download_piece", "-o", out, announced_at(box, torrent, tracker),
                          index, expect=0)
        lib.check(result.out == "" and result.err == "", "says something", result)
        lib.check(os.path.getsize(out) == len(torrent.piece(index)), "another size", result)
        lib.check(strict.sha1_of(out) == piece, "other bytes", result)
        ended(peer, index + 1)
    lib.check(peer.depth == strict.PIPELINE, "not pipelined", peer.depth)
    no_faults(tracker)


@lib.case("download: the whole file under the name that -o gives")
def _(box):
    torrent = sample(box)
    tracker = strict.StrictTracker(torrent, [box.peer(peers.Peer, torrent)],
                                   lefts=range(len(torrent.data) + 1))
    box.closers.append(tracker.close)
    out = box.path("out.txt")
    result = weft(box, "download", "-o", out, announced_at(box, torrent, tracker), expect=0)
    lib.check(result.out == "", "says something on stdout", result)
    lib.check(strict.sha1_of(out) == hashlib.sha1(torrent.data).digest(), "other bytes", result)
    no_faults(tracker)


@lib.case("magnet_parse prints tracker and info hash, and whatever else there is")
def _(box):
    hashed = "ad42ce8109f54c99613ce38f9b4d87e70f24a165"
    result = weft(box, "magnet_parse", "magnet:?xt=urn:btih:%s&dn=magnet1.gif&tr=http%%3A%%2F%%2F"
                      "tracker.example%%2Fannounce" % hashed, expect=0)
    basic = "Tracker URL: http://tracker.example/announce\nInfo Hash: %s\n" % hashed
    lib.check(result.out == basic + "Name: magnet1.gif\n", "another output", result)
    result = weft(box, "magnet_parse", "magnet:?xt=urn:btih:VVBM5AIJ6VGJSYJ44OHZWTMH44HSJILF"
                      "&tr=http://tracker.example/announce&so=0,2-3&x.pe=192.0.2.1:5&dn=%1b[2Jx",
                      expect=0)
    lib.check(result.out == basic + "Name: \\x1b[2Jx\nPeer: 192.0.2.1:5\nFiles: 0,2-3\n",
              "another output", result)
    for link in ("x", "magnet:?xt=urn:btih:12", "magnet:?dn=x", hashed):
        result = weft(box, "magnet_parse", link, expect=3)
        lib.check(result.out == "" and result.err.count("\n") == 1, link, result)


@lib.case("magnet_handshake: the extension bit, the extension handshake first, nothing more")
def _(box):
    torrent = sample(box)
    for number in (1, 123, 255):
        peer, tracker = setting(box, torrent, "extend", ut_metadata=number)
        result = weft(box, "magnet_handshake", strict.magnet(torrent, tracker.url), expect=0)
        lib.check(result.out == "Peer ID: %s\nPeer Metadata Extension ID: %d\n"
                  % (peer.peer_id.hex(), number) and result.err == "", "another output", result)
        ended(peer)
        no_faults(tracker)


@lib.case("magnet_info: the request for metadata is the second message; the lines of info")
def _(box):
    for size, piece in ((92063, 32 * KIB), (45 * 20000 + 1, 20000)):
        torrent = sample(box, size, piece)
        peer, tracker = setting(box, torrent, "extend", "metadata", ut_metadata=9)
        result = weft(box, "magnet_info", strict.magnet(torrent, tracker.url), expect=0)
        lib.check(result.out == info_lines(torrent, tracker.url), "another output", result)
        ended(peer)
        no_faults(tracker)


@lib.case("magnet_info lists no more than 64 hashes unless it is told to")
def _(box):
    torrent = sample(box, 2000 * KIB, KIB)  # metadata of three pieces
    peer, tracker = setting(box, torrent, "extend", "metadata")
    link = strict.magnet(torrent, tracker.url)
    result = weft(box, "magnet_info", link, expect=0)
    lib.check(result.out.endswith("Piece Hashes: 2000 (--pieces lists them)\n"), "all", result)
    lib.check(len(peer.metadata) > 2 * 16 * KIB, "metadata too small for this")
    result = weft(box, "magnet_info", "--pieces", link, expect=0)
    lib.check(result.out == info_lines(torrent, tracker.url), "another output", result)
    ended(peer, 2)


@lib.case("magnet_download_piece: metadata, interested and requests on one connection")
def _(box):
    torrent = sample(box, 3 * 256 * KIB + 34461, 256 * KIB)
    peer, tracker = setting(box, torrent, "extend", "metadata", "pieces")
    for count, index in enumerate((0, 3)):
        out = box.path("piece-%d" % index)
        result = weft(box, "magnet_download_piece", "-o", out,
                          strict.magnet(torrent, tracker.url), index, expect=0)
        lib.check(result.out == "" and result.err == "", "says something", result)
        lib.check(strict.sha1_of(out) == torrent.pieces[index], "other bytes", result)
        ended(peer, count + 1)
    lib.check(peer.connections == 2 and peer.depth == strict.PIPELINE, "not as expected")
    no_faults(tracker)


@lib.case("magnet_download: every piece on one connection, the file under its name")
def _(box):
    torrent = sample(box, 10 * 64 * KIB + 17, 64 * KIB)
    peer, tracker = setting(box, torrent, "extend", "metadata", "pieces")
    out = box.path("out.gif")
    result = weft(box, "magnet_download", "-o", out, strict.magnet(torrent, tracker.url), expect=0)
    lib.check(result.out == "", "says something on stdout", result)
    lib.check(strict.sha1_of(out) == hashlib.sha1(torrent.data).digest(), "other bytes", result)
    lib.check(os.listdir(box.folder).count("out.gif") == 1, "not there")
    lib.check(not [n for n in os.listdir(box.folder) if n.startswith(".")], "something is left",
              os.listdir(box.folder))
    ended(peer)
    lib.check(peer.connections == 1, "several connections")
    no_faults(tracker)


@lib.case("a tracker that redirects /announce/ is followed")
def _(box):
    torrent = sample(box)
    peer = box.peer(strict.StrictPeer, torrent, strict.script("extend"))
    tracker = strict.StrictTracker(torrent, [peer], redirect=True)
    box.closers.append(tracker.close)
    weft(box, "magnet_handshake", strict.magnet(torrent, tracker.url), expect=0)
    ended(peer)
    no_faults(tracker)


@lib.case("a link may be an info hash, in base 32, or name its peer itself")
def _(box):
    torrent = sample(box)
    peer, _ = setting(box, torrent, "extend", "metadata")
    hashed = torrent.info_hash.hex()
    base32 = base64.b32encode(torrent.info_hash).decode()
    for count, arguments in enumerate((
            [hashed, "--peer", peer], [base32, "--peer", peer],
            ["magnet:?xt=urn:btih:" + base32.lower(), "--peer", peer],
            ["magnet:?xt=urn:btih:%s&x.pe=%s" % (hashed, peer)])):
        result = weft(box, "magnet_info", *arguments, expect=0)
        lib.check(result.out == info_lines(torrent, "none"), arguments, result)
        ended(peer, count + 1)


# --- real peers ---

def public(torrent):
    """The same, but not private: metadata of private torrents are no stranger's business."""
    del torrent.info["private"]
    torrent.info_hash = lib.info_hash(torrent.info)
    torrent.write_torrent(torrent.file)
    return torrent


@lib.case("libtorrent and aria2 give metadata, pieces and everything")
def _(box):
    torrent = public(box.torrent(3 * MIB + 5, piece_length=1024))
    small = public(box.torrent(3 * MIB + 5, piece_length=256 * KIB, seed=2))
    for start in (box.libtorrent, box.aria2):
        for this in (torrent, small):
            peer = start(this)
            link = strict.magnet(this)
            result = weft(box, "magnet_info", "--pieces", "--peer", peer, link, expect=0)
            lib.check(result.out == info_lines(this, "none"), "another output", result)
        last = len(small.pieces) - 1
        for command, what in (("magnet_download_piece", link), ("download_piece", small.file)):
            out = box.path("%s-%d" % (command, box.number()))
            weft(box, command, "-o", out, "--peer", peer, what, last, expect=0)
            lib.check(strict.sha1_of(out) == small.pieces[last], "other bytes")
        result = weft(box, "handshake", small.file, peer, expect=0)
        lib.check(len(result.out) == len("Peer ID: \n") + 40, "another output", result)
        folder = box.path("all-%d" % box.number())
        os.mkdir(folder)
        weft(box, "magnet_download", "-o", folder + "/", "--peer", peer, link, expect=0)
        box.compare(small, folder)


@lib.case("a torrent of many files becomes many files")
def _(box):
    torrent = public(box.torrent([("a/b", 70 * KIB), ("c", 0), ("d e", 33 * KIB)],
                                 piece_length=32 * KIB))
    peer = box.libtorrent(torrent)
    weft(box, "magnet_download", "-o", box.downloads + "/", "--peer", peer, strict.magnet(torrent),
             expect=0)
    box.compare(torrent)


# --- the command line, files in the way, signals ---

@lib.case("what is there already is left alone unless --overwrite says otherwise")
def _(box):
    torrent = sample(box)
    peer = box.peer(strict.StrictPeer, torrent, strict.script("pieces"))
    magnet_peer = box.peer(peers.Peer, torrent)
    out = box.path("out")
    for content, options, code in ((b"mine", [], 5), (b"mine", ["--overwrite"], 0)):
        with open(out, "wb") as there:
            there.write(content)
        result = weft(box, "download_piece", *options, "-o", out, "--peer", peer, torrent.file, 0,
                          expect=code)
        with open(out, "rb") as there:
            lib.check((there.read() == b"mine") == (code == 5), "not left alone", result)
    lib.check(peer.connections == 1, "asked before it looked")
    with open(os.path.join(box.downloads, "sample.txt"), "wb") as there:
        there.write(b"x" * 92063)
    steps = strict.script("extend", "metadata", "pieces")
    for options, code in (([], 5), (["--overwrite"], 0)):
        magnet_peer = box.peer(strict.StrictPeer, torrent, steps)
        result = weft(box, "magnet_download", *options, "--peer", magnet_peer,
                          strict.magnet(torrent), cwd=box.downloads, expect=code)
        if code:
            lib.check("already there" in result.err, "another reason", result)
    lib.check(strict.sha1_of(os.path.join(box.downloads, "sample.txt"))
              == hashlib.sha1(torrent.data).digest(), "other bytes")


@lib.case("a mistake on the command line is one line, and nobody is asked")
def _(box):
    torrent = sample(box)
    out = box.path("out")
    peer = box.peer(strict.StrictPeer, torrent, strict.script("extend", "metadata"))
    rows = [
        (["handshake", torrent.file], 2, "IP:PORT is missing"),
        (["handshake", torrent.file, "host:1"], 2, "no address of a peer"),
        (["handshake", torrent.file, "127.0.0.1"], 2, "no address of a peer"),
        (["handshake", "missing.torrent", "127.0.0.1:1"], 3, "no file"),
        (["download_piece", torrent.file, "0"], 2, "-o FILE"),
        (["download_piece", "-o", out, torrent.file], 2, "INDEX is missing"),
        (["download_piece", "-o", out, torrent.file, "x"], 2, "no index"),
        (["download_piece", "-o", out, torrent.file, "-1"], 2, "no option"),
        (["download_piece", "-o", out, torrent.file, "3"], 2, "no piece 3"),
        (["download_piece", "-o", "/nowhere/x", torrent.file, "0"], 5, "/nowhere"),
        (["download_piece", "-o", out, torrent.file, "0"], 4, "there is none to ask"),
        (["magnet_info"], 2, "LINK is missing"),
        (["magnet_info", "x.torrent"], 3, "no magnet link"),
        (["magnet_info", "magnet:?xt=urn:btmh:1220" + 64 * "a"], 3, "v2-only"),
        (["magnet_info", strict.magnet(torrent)], 4, "there is none to ask"),
        (["magnet_info", strict.magnet(torrent, "udp://127.0.0.1:1")], 4, "UDP trackers"),
        (["magnet_info", strict.magnet(torrent, "http://127.0.0.1:1/announce")], 4, "refused"),
        (["magnet_download_piece", "-o", out, "--peer", peer, strict.magnet(torrent), "3"], 2,
         "there is no piece 3"),
    ]
    for arguments, code, words in rows:
        result = weft(box, *arguments, expect=code)
        lib.check(words in result.err and result.out == "", arguments, result)
        lib.check(not os.path.exists(out), "a file", arguments)
    for command in ("handshake", "probe", "download_piece", "magnet_parse", "magnet_handshake",
                    "magnet_info", "magnet_download_piece", "magnet_download"):
        result = weft(box, command, "-h", expect=0)
        lib.check("Usage: weft " + command in result.out, command, result)


@lib.case("a reader that takes nothing keeps no signal from being heard")
def _(box):
    torrent = sample(box, 4000 * 16 * KIB, 16 * KIB)
    peer = box.peer(strict.StrictPeer, torrent, strict.script("extend", "metadata"))
    reading, writing = os.pipe()
    with open(writing, "wb") as stdout:
        running = box.start("magnet_info", "--pieces", "--peer", str(peer), strict.magnet(torrent),
                            stdout=stdout)
    lib.wait_for(lambda: lib.unread(reading) >= 60 * KIB, 30, "a full pipe", running)
    ended(peer)
    running.signal(signal.SIGTERM)
    lib.check(running.wait(10).code == 143, "not exit 143", running)
    os.close(reading)


@lib.case("Ctrl-C ends every wait with 130, SIGTERM with 143")
def _(box):
    torrent = sample(box)
    asked = threading.Event()

    def stall(_query):
        asked.set()
        threading.Event().wait(30)
        return b""

    silent = box.peer(peers.Silent, torrent)
    choker = box.peer(peers.Choker, torrent)
    mute = box.peer(Serves, torrent, strict.script("pieces"), lambda *_: None)
    tracker = box.tracker(stall)
    out = box.path("out")
    waits = [
        (["magnet_info", strict.magnet(torrent, tracker.url)], asked.is_set),
        (["handshake", torrent.file, silent], lambda: silent.connections > 0),
        (["probe", torrent.file, silent], lambda: silent.connections > 1),
        (["download_piece", "-o", out, "--peer", choker, torrent.file, "0"],
         lambda: choker.connections > 0),
        (["download_piece", "-o", out, "--peer", mute, torrent.file, "0"], lambda: mute.requests),
    ]
    spare = box.peer(peers.Silent, torrent)
    for command in waits[1:]:
        if "--peer" in command[0]:
            command[0].extend(["--peer", spare])
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        for arguments, waiting in waits:
            running = box.start(*map(str, arguments))
            lib.wait_for(waiting, 20, "that it waits", running)
            running.signal(number)
            result = running.wait(10)
            lib.check(result.code == code and "interrupted" in result.err, arguments, result)
            lib.check(not os.path.exists(out), "a file is left", arguments)
        asked.clear()
        waits = waits[:1]
    lib.check(spare.connections == 0, "went on to the next peer")


if __name__ == "__main__":
    lib.main()
