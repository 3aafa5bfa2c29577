#!/usr/bin/python3 -B
"""Goal: a peer that breaks the protocol loses its connection, one that is merely odd keeps it, and
the download completes either way (FAULTS F5, F11 to F21, F29; the tables below are the rule)."""

import struct

import lib
import peers
from torrents import BLOCK, KIB, bencode

PIECE = 64 * KIB
PIECES = 12  # so that the bitfield has four spare bits


def message(kind, payload=b""):
    """A whole message as bytes."""
    return struct.pack(">IB", len(payload) + 1, kind) + payload


def numbers(*values):
    """32-bit big-endian numbers."""
    return struct.pack(">%dI" % len(values), *values)


def block(index, begin, length):
    """A PIECE message with zeros."""
    return message(peers.PIECE, numbers(index, begin) + bytes(length))


def torrent_of(box):
    """The torrent of all cases here."""
    return box.torrent(PIECES * PIECE - 100, piece_length=PIECE)


LAST = PIECES - 1
FAST = bytes(7) + b"\x04"
EXTENSIONS = bytes(5) + b"\x10\0\0"

# (what it says, the bytes, more: first=True says it before the bitfield, reserved=...)
ENDS = [
    ("a length of 2^32 - 1", numbers(0xffffffff), {}),
    ("a length of 2^31", numbers(0x80000000) + b"\7", {}),
    ("a length of 1 MiB and a byte", numbers((1 << 20) + 1) + b"\7", {}),
    ("CHOKE with a body", message(peers.CHOKE, bytes(4)), {}),
    ("UNCHOKE with a body", message(peers.UNCHOKE, b"x"), {}),
    ("INTERESTED with a body", message(peers.INTERESTED, b"x"), {}),
    ("NOT INTERESTED with a body", message(peers.NOT_INTERESTED, b"xx"), {}),
    ("HAVE of 2 bytes", message(peers.HAVE, bytes(2)), {}),
    ("HAVE of 5 bytes", message(peers.HAVE, bytes(5)), {}),
    ("HAVE without a body", message(peers.HAVE), {}),
    ("REQUEST of 11 bytes", message(peers.REQUEST, bytes(11)), {}),
    ("REQUEST of 13 bytes", message(peers.REQUEST, bytes(13)), {}),
    ("CANCEL of 11 bytes", message(peers.CANCEL, bytes(11)), {}),
    ("PIECE of 7 bytes", message(peers.PIECE, bytes(7)), {}),
    ("PORT of 1 byte", message(peers.PORT, b"x"), {}),
    ("a bitfield of 1 byte", message(peers.BITFIELD, b"\xff"), {"first": True}),
    ("a bitfield of 3 bytes", message(peers.BITFIELD, b"\xff\xf0\0"), {"first": True}),
    ("a bitfield without a body", message(peers.BITFIELD), {"first": True}),
    ("a bitfield with a spare bit", message(peers.BITFIELD, b"\xff\xf1"), {"first": True}),
    ("HAVE of the piece after the last", message(peers.HAVE, numbers(PIECES)), {}),
    ("HAVE of piece 2^32 - 1", message(peers.HAVE, numbers(0xffffffff)), {}),
    ("a block of the piece after the last", block(PIECES, 0, BLOCK), {}),
    ("a block of piece 2^32 - 1", block(0xffffffff, 0, BLOCK), {}),
    ("a block behind the end of its piece", block(0, PIECE, BLOCK), {}),
    ("a block across the end of its piece", block(LAST, PIECE - BLOCK, BLOCK), {}),
    ("a block that starts at 2^32 - 16384", block(0, 0xffffc000, BLOCK), {}),
    ("a block that starts off the grid", block(0, 1, BLOCK), {}),
    ("a block of 5 bytes", block(0, 0, 5), {}),
    ("a block of no bytes", block(0, 0, 0), {}),
    ("more than 64 KiB that nobody asked for", block(LAST, 0, BLOCK) * 8, {"first": True}),
    ("twenty messages of unknown kinds", message(100, b"what") * 20, {}),
    ("a hundred requests while choked", message(peers.REQUEST, numbers(0, 0, BLOCK)) * 100, {}),
    ("SUGGEST of the piece after the last", message(13, numbers(PIECES)), {"reserved": FAST}),
    ("ALLOWED FAST of the piece after the last", message(17, numbers(PIECES)),
     {"reserved": FAST}),
    ("REJECT of the piece after the last", message(16, numbers(PIECES, 0, BLOCK)),
     {"reserved": FAST}),
    ("two hundred times REJECT of what was not asked for",
     message(16, numbers(LAST, 0, BLOCK)) * 200, {"reserved": FAST}),
    ("REJECT of 5 bytes", message(16, bytes(5)), {"reserved": FAST}),
    ("HAVE ALL with a body", message(14, b"x"), {"reserved": FAST, "first": True}),
    ("HAVE NONE with a body", message(15, b"x"), {"reserved": FAST, "first": True}),
]

STAYS = [
    ("some keep-alives", bytes(4) * 5, {}),
    ("a message of an unknown kind", message(100, b"what"), {}),
    ("a long message of an unknown kind", message(255, bytes(60 * KIB)), {}),
    ("the same HAVE again and again", message(peers.HAVE, numbers(3)) * 10, {}),
    ("HAVE before the bitfield", message(peers.HAVE, numbers(3)), {"first": True}),
    ("a second bitfield", message(peers.BITFIELD, b"\xff\xf0"), {"first": True}),
    ("INTERESTED and NOT INTERESTED", message(peers.INTERESTED) + message(peers.NOT_INTERESTED),
     {}),
    ("a CANCEL for nothing", message(peers.CANCEL, numbers(0, 0, BLOCK)), {}),
    ("PORT", message(peers.PORT, b"\x1a\xe1"), {}),
    ("UNCHOKE twice", message(peers.UNCHOKE) * 2, {}),
    ("CHOKE while choking", message(peers.CHOKE) * 2, {}),
    ("one block that nobody asked for", block(LAST, 0, BLOCK), {"first": True}),
    ("SUGGEST and ALLOWED FAST", message(13, numbers(3)) + message(17, numbers(4)),
     {"reserved": FAST}),
    ("some REJECTs of what was not asked for", message(16, numbers(LAST, 0, BLOCK)) * 20,
     {"reserved": FAST}),
    ("HAVE NONE and then a bitfield", message(15), {"reserved": FAST, "first": True}),
    ("an extension handshake with nothing known in it",
     message(peers.EXTENDED, b"\0" + bencode({"m": {"xx_unknown": 9}, "v": "odd \x1b[31m",
                                              "reqq": 3})),
     {"reserved": EXTENSIONS}),
    ("an extension message nobody negotiated", message(peers.EXTENDED, b"\x63what"),
     {"reserved": EXTENSIONS}),
]

EXTENSION_HANDSHAKES = [
    ("that is no dictionary", b"i5e"), ("that is no bencode", b"\xff\xff"), ("that is empty", b""),
    ("with m a list", b"d1:mle4:reqqi-1ee"), ("with reqq -1", b"d4:reqqi-1ee"),
    ("with reqq 2^40", b"d4:reqqi1099511627776ee"),
    ("with a metadata size of -1", b"d13:metadata_sizei-1ee"),
    ("with a metadata size of 2^31", b"d13:metadata_sizei2147483648ee"),
    ("with ids 0 and 300", b"d1:md6:ut_pexi0e11:ut_metadatai300eee"),
    ("a thousand lists deep", b"d1:m" + b"l" * 1000 + b"e" * 1000 + b"e"),
    ("of 60 KiB", b"d1:v61000:" + bytes(61000) + b"e"),
]


class Odd(peers.Speaker):
    """A Speaker with reserved bits of its own."""

    def __init__(self, torrent, says, reserved=bytes(8), first=False):
        self.reserved = reserved
        super().__init__(torrent, says, first)


class Withholding:
    """Before a kind of peer: never serves the last piece. As long as the good peer holds that back,
    too, a connection that ends was ended for what was said on it."""

    def serve(self, connection, index, begin, length):
        """All but that."""
        if index != LAST:
            super().serve(connection, index, begin, length)


class Breaker(Withholding, Odd):
    """Says something that ends the connection."""


def ends(text, says, more):
    """A case: this ends the connection, and only this one."""
    @lib.case("%s ends the connection" % text)
    def _(box):
        torrent = torrent_of(box)
        ends_connection(box, torrent, box.peer(Breaker, torrent, says, **more))


def ends_connection(box, torrent, bad):
    """Holds the download open with a good peer until the bad one, a Withholding, was left."""
    good = box.peer(peers.Gated, torrent)
    running = box.start_download(torrent, peers=[bad, good])
    lib.wait_for(bad.ended, 25, "the bad connection ends", running)
    good.open_gate()
    result = running.wait(expect=0)
    lib.check(good.connections == 1, "the good peer was left too", result)
    box.compare(torrent)


def stays(text, says, more):
    """A case: this does no harm."""
    @lib.case("%s does no harm" % text)
    def _(box):
        torrent = torrent_of(box)
        odd = box.peer(Odd, torrent, says, **more)
        result = box.download(torrent, peers=[odd], expect=0)
        box.compare(torrent)
        lib.check(odd.connections == 1, "%d connections" % odd.connections, result)


for row in ENDS:
    ends(*row)
for row in STAYS:
    stays(*row)


class Stranger(Withholding, peers.Peer):
    """Greets with other bytes than it should (F5)."""

    def __init__(self, torrent, greeting):
        self.greeting = greeting
        super().__init__(torrent)

    def handshake(self):
        return self.greeting(self)


GREETINGS = [
    ("another protocol", lambda p: b"\x13BitTorrent protocoL" + bytes(8) + p.torrent.info_hash
     + p.peer_id),
    ("another length of the protocol's name", lambda p: b"\x12" + peers.PROTOCOL[1:] + bytes(8)
     + p.torrent.info_hash + p.peer_id),
    ("another info hash", lambda p: peers.PROTOCOL + bytes(8) + bytes(20) + p.peer_id),
    ("a web page", lambda p: b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"<html>" * 20),
    ("the peer id that we sent", lambda p: peers.PROTOCOL + bytes(8) + p.torrent.info_hash
     + p.theirs[48:]),
]


def greets(text, greeting):
    """A case: this greeting ends the connection."""
    @lib.case("a handshake with %s ends the connection" % text)
    def _(box):
        torrent = torrent_of(box)
        ends_connection(box, torrent, box.peer(Stranger, torrent, greeting))


for row in GREETINGS:
    greets(*row)


@lib.case("a flood of keep-alives does not stop the download")
def _(box):
    torrent = torrent_of(box)
    flood = box.peer(Odd, torrent, bytes(4) * 100000, first=True)
    box.download(torrent, peers=[flood, box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


@lib.case("HAVE ALL of the fast extension is as good as a bitfield")
def _(box):
    torrent = torrent_of(box)
    box.download(torrent, peers=[box.peer(HaveAll, torrent)], expect=0)
    box.compare(torrent)


@lib.case("a peer without a bitfield whose HAVE messages come one by one")
def _(box):
    torrent = torrent_of(box)
    box.download(torrent, peers=[box.peer(OneByOne, torrent)], expect=0)
    box.compare(torrent)


class HaveAll(peers.Peer):
    """Speaks the fast extension."""

    reserved = FAST

    def introduce(self, connection):
        connection.message(14)


class OneByOne(peers.Peer):
    """Has all, says so piece by piece."""

    def introduce(self, connection):
        for index in range(len(self.torrent.pieces)):
            connection.message(peers.HAVE, numbers(index))


@lib.case("extension handshakes of every wrong kind, beside a good peer")
def _(box):
    torrent = torrent_of(box)
    bad = [box.peer(Odd, torrent, message(peers.EXTENDED, b"\0" + body), EXTENSIONS, True)
           for _, body in EXTENSION_HANDSHAKES]
    box.download(torrent, peers=bad + [box.peer(peers.Peer, torrent)], expect=0)
    box.compare(torrent)


if __name__ == "__main__":
    lib.main()
