#!/usr/bin/python3 -B
"""Goal: the commands of the exercise against hostile peers: metadata and pieces that are claimed or
sent wrongly, silence, lies and floods. Each peer is named with the reason, the next one is tried,
the exit code says what it was, and nothing is left behind that was not asked for."""

import hashlib
import os
import socket
import struct
import threading

import lib
import peers
import strict
from strict import Serves, ended, info_lines, no_faults, sample, weft
from torrents import KIB, MIB, bencode


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


PATIENCE = {1: 60, 4: 60, 7: 1.5, 8: 60}  # seconds, by exit code
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
    """Runs a command against one peer, with little patience for one that keeps silent; it must
    fail in this way."""
    result = weft(box, *command, "--timeout", PATIENCE[code], "--peer", peer, expect=code)
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
        result = weft(box, "handshake", "--timeout", PATIENCE[code], torrent.file, peer,
                      expect=code)
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


class Floods(strict.StrictPeer):
    """Takes the steps of its script, and then says one thing without end."""

    def __init__(self, torrent, script, flood, **rest):
        self.flood = flood
        super().__init__(torrent, script, **rest)

    def expect_end(self, connection):
        while True:
            connection.write(self.flood)

    def pieces(self, connection):
        """Interested and unchoke, no more."""
        self.next_message(connection)
        connection.message(peers.UNCHOKE)


def message(kind, payload=b""):
    """The bytes of a message."""
    return struct.pack(">IB", len(payload) + 1, kind) + payload


@lib.case("whoever talks without end, and says nothing, is left at the deadline all the same")
def _(box):
    torrent = sample(box)
    extend = message(peers.EXTENDED, b"\0" + bencode({"m": {"ut_metadata": 9}}))
    for flood in (bytes(4), message(peers.HAVE, bytes(4)) + message(99, bytes(50)) + extend):
        for steps, words, *command in (
                ((), "it keeps choking us", "download_piece", "-o", "x", torrent.file, 0),
                (("pieces",), "no more came in time", "download_piece", "-o", "x", torrent.file, 0),
                (("extend",), "did not answer a request for metadata in time", "magnet_info",
                 strict.magnet(torrent))):
            peer = box.peer(Floods, torrent, strict.script(*steps), flood * (65536 // len(flood)))
            fails(box, torrent, peer, 7, words, *command)
        peer = box.peer(Floods, torrent, (), flood * (65536 // len(flood)),
                        reserved_allowed=(bytes.fromhex("0000000000100004"),))
        weft(box, "probe", "--timeout", 1.5, torrent.file, peer, expect=0)


@lib.case("a peer that takes back its id for metadata is asked for no more of them")
def _(box):
    torrent = sample(box, 2000 * 16 * KIB, 16 * KIB)

    class Withdraws(strict.StrictPeer):
        """Says with the first piece that it takes no further requests."""

        def metadata_requests(self, connection):
            self.next_message(connection)
            connection.message(peers.EXTENDED, b"\0" + bencode({"m": {"ut_metadata": 0}}))
            connection.message(peers.EXTENDED, bytes([self.their_id]) + self.metadata_answer(0))

    peer = box.peer(Withdraws, torrent, strict.script(*METADATA))
    fails(box, torrent, peer, 4, "it offers no metadata any more", "magnet_info",
          strict.magnet(torrent))
    ended(peer)


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


if __name__ == "__main__":
    lib.main()
