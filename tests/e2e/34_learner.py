#!/usr/bin/python3 -B
"""Goal: the commands of the exercise, against a peer and a tracker that forgive nothing: what is
printed is right to the byte, and so is what is sent. And against hostile peers: each is named with
the reason, the next one is tried, the exit code says what it was, and nothing is left behind.
Metadata and pieces come from libtorrent and aria2, too."""

import base64
import hashlib
import os
import signal
import socket
import struct
import threading

import lib
import peers
import strict
from torrents import KIB, MIB, bencode


def weft(box, *arguments, **rest):
    """Runs weft to its end; peers and numbers may be among the arguments."""
    return box.weft(*map(str, arguments), **rest)


def setting(box, torrent, *names, kind=strict.StrictPeer, **rest):
    """(peer, tracker) that expect these steps. Who has only a link knows no length: it says that
    one byte is left."""
    peer = box.peer(kind, torrent, strict.script(*names), **rest)
    tracker = strict.StrictTracker(torrent, [peer], lefts=[1] if "extend" in names else None)
    box.closers.append(tracker.close)
    return peer, tracker


def no_faults(*partners):
    """Fails if one of them has met with a fault."""
    for partner in partners:
        lib.check(not partner.faults, "not as expected", partner.faults)


def ended(peer, count=1):
    """Waits until so many connections came to their proper end."""
    lib.wait_for(lambda: peer.finished >= count or peer.faults, 10, "the end of the connection")
    no_faults(peer)


def sample(box, size=92063, piece=32 * KIB, **rest):
    """A torrent like the one that the exercise begins with."""
    return box.torrent(size, piece_length=piece, name="sample.txt", **rest)


def announced_at(box, torrent, tracker):
    """Writes the .torrent anew, with this tracker in it."""
    torrent.write_torrent(torrent.file, tracker.url)
    return torrent.file


def info_lines(torrent, url):
    """What info and magnet_info print."""
    return "Tracker URL: %s\nLength: %d\nInfo Hash: %s\nPiece Length: %d\nPiece Hashes:\n%s" % (
        url, len(torrent.data), torrent.info_hash.hex(), torrent.piece_length,
        "".join(piece.hex() + "\n" for piece in torrent.pieces))


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


# --- hostile peers ---

class Claims(strict.StrictPeer):
    """Its extension handshake says what `says` changes."""

    def __init__(self, torrent, script, says, **rest):
        self.says = says
        super().__init__(torrent, script, **rest)

    def extension_handshake(self):
        told = dict(super().extension_handshake(), **self.says)
        return {key: value for key, value in told.items() if value is not None}


class Answers(strict.StrictPeer):
    """Answers a request for metadata in its own way: `answer(peer, index)` is the payload; None:
    not at all."""

    def __init__(self, torrent, script, answer, **rest):
        self.own_answer = answer
        super().__init__(torrent, script, **rest)

    def metadata_step(self, connection, index):
        self.next_message(connection)
        payload = self.own_answer(self, index)
        if payload is None:
            connection.drain()
        connection.message(peers.EXTENDED, bytes([self.their_id]) + payload)


class Serves(strict.StrictPeer):
    """Serves blocks in its own way: `serving(peer, connection, index, begin, length)`."""

    def __init__(self, torrent, script, serving, **rest):
        self.serving = serving
        super().__init__(torrent, script, **rest)

    def serve(self, connection, index, begin, length):
        self.serving(self, connection, index, begin, length)


class Replies(peers.Peer):
    """Answers the handshake with these bytes; None: with nothing; b"": hangs up."""

    def __init__(self, torrent, bytes_, **rest):
        self.bytes_ = bytes_
        super().__init__(torrent, **rest)

    def accepted(self, connection):
        connection.read(68)
        if self.bytes_ is None:
            connection.drain()
        if self.bytes_:
            connection.write(self.bytes_)
            connection.drain()


def data(peer, index, piece=None, total=None, body=None):
    """A data message with one thing changed."""
    return bencode({"msg_type": 1, "piece": index if piece is None else piece,
                    "total_size": len(peer.metadata) if total is None else total}) \
        + (peer.metadata_piece(index) if body is None else body)


METADATA = ("extend", "metadata")
HOSTILE_CLAIMS = [
    ({"metadata_size": 0}, 4, "it claims metadata of 0 bytes"),
    ({"metadata_size": -5}, 4, "it claims metadata of -5 bytes"),
    ({"metadata_size": 16 * MIB + 1}, 4, "it claims metadata of 16777217 bytes"),
    ({"metadata_size": 1 << 62}, 4, "more than the 16 MiB"),
    ({"metadata_size": "x"}, 4, "its metadata_size is no number"),
    ({"metadata_size": 1}, 4, "it said that the metadata have 1 bytes, and now"),
    ({"m": {}}, 4, "it offers no metadata"),
    ({"m": {"ut_metadata": 0}}, 4, "it offers no metadata"),
]

HOSTILE_ANSWERS = [
    (lambda p, i: bencode({"msg_type": 2, "piece": i}), 4, "it rejects the request for piece 0"),
    (lambda p, i: data(p, i, piece=5), 4, "asked for piece 0 of the metadata and answers for "
                                          "piece 5"),
    (lambda p, i: data(p, i, body=b""), 4, "piece 0 of its metadata has 0 bytes"),
    (lambda p, i: data(p, i, body=b"x" * 100000), 4, "piece 0 of its metadata has 100000 bytes"),
    (lambda p, i: data(p, i, body=p.metadata[:-1] + b"x"), 8, "do not have the info hash"),
    (lambda p, i: data(p, i, total=99999), 4, "and now 99999"),
    (lambda p, i: data(p, i, total=0), 4, "can't be read"),
    (lambda p, i: b"i5e", 4, "can't be read"),
    (lambda p, i: b"d8:msg_typei1e", 4, "can't be read"),
    (lambda p, i: b"l" * 5000, 4, "can't be read"),
    (lambda p, i: None, 7, "did not answer a request for metadata in time"),
]


def fails(box, torrent, peer, code, words, *command):
    """Runs a command against one peer, with little patience; it must fail in this way."""
    result = weft(box, *command, "--timeout", "0.7", "--peer", peer, expect=code)
    lib.check(words in result.err, "does not say %r" % words, result)
    lib.check(str(peer) in result.err and result.out == "", "does not name the peer", result)
    lib.check(result.err.count("\n") == 2, "not two lines", result)
    lib.check(torrent.name.decode() not in os.listdir(box.folder), "something is left", result)


@lib.case("metadata that are claimed or sent wrongly are refused, each with its reason")
def _(box):
    torrent = sample(box)
    link = strict.magnet(torrent)
    for says, code, words in HOSTILE_CLAIMS:
        peer = box.peer(Claims, torrent, strict.script(*METADATA), says)
        fails(box, torrent, peer, code, words, "magnet_info", link)
    for answer, code, words in HOSTILE_ANSWERS:
        peer = box.peer(Answers, torrent, strict.script(*METADATA), answer)
        fails(box, torrent, peer, code, words, "magnet_info", link)


@lib.case("metadata whose size only the first piece tells, and messages of no known type, are fine")
def _(box):
    torrent = sample(box)
    peer = box.peer(Claims, torrent, strict.script(*METADATA), {"metadata_size": None})
    result = weft(box, "magnet_info", "--peer", peer, strict.magnet(torrent), expect=0)
    lib.check(result.out == info_lines(torrent, "none"), "another output", result)
    no_faults(peer)

    class Chatty(strict.StrictPeer):
        """Says much that has nothing to do with it."""

        def metadata_answer(self, index):
            return super().metadata_answer(index)

        def extend(self, connection):
            connection.write(struct.pack(">I", 0) * 3)
            connection.message(peers.HAVE, struct.pack(">I", 0))
            super().extend(connection)
            connection.message(peers.EXTENDED, bytes([self.their_id])
                               + bencode({"msg_type": 9, "piece": 0}))
            connection.message(99, b"unknown")
            connection.message(peers.PORT, b"\x1a\xe1")

    peer = box.peer(Chatty, torrent, strict.script(*METADATA))
    weft(box, "magnet_info", "--peer", peer, strict.magnet(torrent), expect=0)
    no_faults(peer)


def block(change=lambda index, begin, data_: (index, begin, data_)):
    """Serves a block changed in this way."""
    def serving(peer, connection, index, begin, length):
        index, begin, payload = change(index, begin, peer.block(index, begin, length))
        connection.message(peers.PIECE, struct.pack(">II", index, begin) + payload)
    return serving


def reject(_peer, connection, index, begin, length):
    """BEP 6's answer."""
    connection.message(16, struct.pack(">III", index, begin, length))


def nothing(*_):
    """No answer."""


def trickle(peer, connection, index, begin, length):
    """A byte at a time."""
    message = struct.pack(">IBII", length + 9, peers.PIECE, index, begin)
    for byte in message + peer.block(index, begin, length):
        connection.write(bytes([byte]))
        threading.Event().wait(0.05)


def choke_for_ever(_peer, connection, *_):
    """Takes everything back."""
    connection.message(peers.CHOKE)
    connection.drain()


def hang_up(_peer, connection, *_):
    """In the middle of it."""
    connection.write(b"\0\0\1")
    connection.socket.shutdown(socket.SHUT_RDWR)
    raise peers.Gone()


HOSTILE_PIECES = [
    (block(lambda i, b, d: (i, b, bytes([d[0] ^ 1]) + d[1:])), 8, "does not have the hash"),
    (block(lambda i, b, d: (i + 1, b, d)), 4, "which were not asked for"),
    (block(lambda i, b, d: (i, b + 1, d)), 4, "which were not asked for"),
    (block(lambda i, b, d: (i, b + (1 << 31), d)), 4, "which were not asked for"),
    (block(lambda i, b, d: (i, b, d[:-1])), 4, "which were not asked for"),
    (block(lambda i, b, d: (i, b, d + b"x" * 16384)), 4, "a message that cannot be"),
    (block(lambda i, b, d: (i, b, b"")), 4, "a message that cannot be"),
    (reject, 4, "it rejects the request for"),
    (nothing, 7, "no more came in time"),
    (trickle, 7, "no more came in time"),
    (choke_for_ever, 7, "it choked us again"),
    (lambda p, c, *_: (c.write(b"\xff\xff\xff\xff"), c.drain()), 4, "it sent a message of"),
    (hang_up, 4, "the connection"),
]


@lib.case("pieces that are sent wrongly are refused, each with its reason, and leave no file")
def _(box):
    torrent = sample(box)
    for serving, code, words in HOSTILE_PIECES:
        peer = box.peer(Serves, torrent, strict.script("pieces"), serving)
        fails(box, torrent, peer, code, words, "download_piece", "-o", box.path("sample.txt"),
              torrent.file, 0)
        peer = box.peer(Serves, torrent, strict.script("extend", "metadata", "pieces"), serving)
        fails(box, torrent, peer, code, words, "magnet_download_piece", "-o",
              box.path("sample.txt"), strict.magnet(torrent), 0)


@lib.case("peers that fail before that are told apart, too")
def _(box):
    torrent = sample(box)
    good = peers.PROTOCOL + strict.EXTENSION_BIT + torrent.info_hash + b"-XX0000-abcdefghijkl"
    for reply, code, words in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, "is not BitTorrent"),
            (b"", 4, "it hung up on our handshake"),
            (None, 7, "it sent no handshake in time"),
            (good[:40], 7, "it sent no handshake in time"),
            (good[:28] + b"x" * 20 + good[48:], 8, "it answers for another torrent, 7878")):
        peer = box.peer(Replies, torrent, reply)
        result = weft(box, "handshake", "--timeout", "0.7", torrent.file, peer, expect=code)
        lib.check(words in result.err and result.out == "" and str(peer) in result.err, words,
                  result)
        lib.check(result.err.count("\n") == 1, "not one line", result)
    result = weft(box, "handshake", torrent.file, "127.0.0.1:1", expect=4)
    lib.check("connection refused" in result.err, "another reason", result)
    peer = box.peer(Replies, torrent, good[:20] + bytes(8) + good[28:])
    fails(box, torrent, peer, 4, "does not speak the extension protocol", "magnet_handshake",
          strict.magnet(torrent))
    peer = box.peer(Replies, torrent, good + struct.pack(">IBB", 2 + 5, 20, 0) + b"i5e00")
    fails(box, torrent, peer, 4, "its extension handshake is no dictionary", "magnet_handshake",
          strict.magnet(torrent))
    peer = box.peer(Replies, torrent, good)
    fails(box, torrent, peer, 7, "it sent no extension handshake in time", "magnet_handshake",
          strict.magnet(torrent))
    peer = box.peer(Replies, torrent, good + struct.pack(">IBB", 2, peers.BITFIELD, 0xff))
    fails(box, torrent, peer, 4, "it claims pieces that the torrent does not have",
          "download_piece", "-o", box.path("sample.txt"), torrent.file, 0)


@lib.case("who fails is named, and the next one is asked")
def _(box):
    torrent = sample(box, 5 * 32 * KIB, 32 * KIB)
    steps = strict.script("extend", "metadata", "pieces")
    wrong = block(lambda i, b, d: (i, b, bytes(len(d))))
    bad = [box.peer(Replies, torrent, b""),
           box.peer(Answers, torrent, strict.script(*METADATA),
                    lambda p, i: bencode({"msg_type": 2, "piece": i})),
           box.peer(Serves, torrent, steps, wrong)]
    good = box.peer(strict.StrictPeer, torrent, strict.script("extend", "pieces"))
    tracker = strict.StrictTracker(torrent, bad + [good])
    box.closers.append(tracker.close)
    out = box.path("out")
    result = weft(box, "magnet_download_piece", "-o", out, "--timeout", "5",
                      strict.magnet(torrent, tracker.url), 2, expect=0)
    lib.check(strict.sha1_of(out) == torrent.pieces[2], "other bytes", result)
    for peer in bad:
        lib.check(result.err.count(str(peer)) == 1, "not named once", peer, result)
    lib.check(str(good) not in result.err, "the good one is named", result)
    ended(good)


@lib.case("magnet_download gets from each peer what it has, and goes on after a failure")
def _(box):
    torrent = sample(box, 6 * 32 * KIB, 32 * KIB)
    first = box.peer(strict.StrictPeer, torrent, strict.script("extend", "metadata", "pieces"),
                     holds=[1, 4])
    wrong = box.peer(Serves, torrent, strict.script("extend", "pieces"),
                     lambda p, c, i, b, n: block(lambda *x: x if i < 2 else (
                         x[0], x[1], bytes(len(x[2]))))(p, c, i, b, n))
    last = box.peer(strict.StrictPeer, torrent, strict.script("extend", "pieces"))
    named = [word for peer in (first, wrong, last) for word in ("--peer", peer)]
    result = weft(box, "magnet_download", *named, strict.magnet(torrent), cwd=box.downloads,
                      expect=0)
    lib.check(strict.sha1_of(os.path.join(box.downloads, "sample.txt"))
              == hashlib.sha1(torrent.data).digest(), "other bytes", result)
    lib.check("%s: its piece 2 does not have the hash" % wrong in result.err, "not named", result)
    lib.check({r[0] for r in last.requests} == {2, 3, 5}, "asked for other pieces", last.requests)
    no_faults(first, wrong, last)


@lib.case("magnet_download goes on where it stopped, and leaves nothing if nothing came")
def _(box):
    torrent = sample(box, 6 * 32 * KIB, 32 * KIB)
    steps = strict.script("extend", "metadata", "pieces")
    half = box.peer(strict.StrictPeer, torrent, steps, holds=[0, 1, 2])
    none = box.peer(Serves, torrent, steps, reject)
    link = strict.magnet(torrent)
    weft(box, "magnet_download", "--peer", none, link, cwd=box.downloads, expect=4)
    lib.check(box.listing() == [], "something is left", box.listing())
    result = weft(box, "magnet_download", "--peer", half, link, cwd=box.downloads, expect=4)
    lib.check("it does not have the pieces that are still missing" in result.err, "why", result)
    lib.check(box.listing() == [".sample.txt.weft", "sample.txt"], "no record", box.listing())
    rest = box.peer(strict.StrictPeer, torrent, steps)
    weft(box, "magnet_download", "--peer", rest, link, cwd=box.downloads, expect=0)
    lib.check({r[0] for r in rest.requests} == {3, 4, 5}, "asked again", rest.requests)
    lib.check(box.listing() == ["sample.txt"], "something is left", box.listing())


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
    mute = box.peer(Serves, torrent, strict.script("pieces"), nothing)
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
