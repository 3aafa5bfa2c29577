"""Scripted peers: they speak the peer protocol (BEP 3) from Python, well or badly on purpose.

A Peer listens on a loopback address of its own (127.0.0.N, as bans go by address), and each
connection to it runs in a thread. As it stands it is an honest seeder that unchokes everyone; a
misbehaving one is a subclass that overrides one step of a connection's life:

    accepted    a connection is there
    greet       send our handshake, after theirs was read
    introduce   what we have, and unchoke
    message     any message of theirs
    serve       one block they asked for

What was seen is counted in the peer, for the scenario to look at.
"""

import hashlib
import itertools
import os
import random
import socket
import struct
import threading

import torrents

CHOKE, UNCHOKE, INTERESTED, NOT_INTERESTED, HAVE, BITFIELD, REQUEST, PIECE, CANCEL = range(9)
PORT, EXTENDED = 9, 20
PROTOCOL = b"\x13BitTorrent protocol"
LONGEST_MESSAGE = 1 << 20

addresses = itertools.count(10)


class Gone(Exception):
    """The other side closed the connection, or reset it."""


class Connection:
    """One accepted connection: a socket and the few operations of the protocol."""

    def __init__(self, sock):
        self.socket = sock
        self.unchoked = False
        self.writing = threading.Lock()

    def read(self, count):
        """Exactly `count` bytes."""
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except OSError:
                raise Gone() from None
            if not part:
                raise Gone()
            data += part
        return data

    def write(self, data):
        """All of it, in one piece even if several threads write."""
        try:
            with self.writing:
                self.socket.sendall(data)
        except OSError:
            raise Gone() from None

    def message(self, kind, payload=b""):
        """Sends one message."""
        self.write(struct.pack(">IB", len(payload) + 1, kind) + payload)

    def next_message(self):
        """(id, payload) of the next message; keep-alives are passed over."""
        while True:
            length = struct.unpack(">I", self.read(4))[0]
            if length > LONGEST_MESSAGE:
                raise Gone()
            if length:
                body = self.read(length)
                return body[0], body[1:]

    def drain(self):
        """Reads and forgets until the other side is gone."""
        while True:
            self.read(1)


class Peer:
    """An honest seeder of one torrent; the base of all others."""

    reserved = bytes(8)

    def __init__(self, torrent, address=None, backlog=64, port=0):
        self.torrent = torrent
        self.address = address or "127.0.0.%d" % next(addresses)
        self.peer_id = b"-SP0001-" + os.urandom(12)
        self.lock = threading.Lock()
        self.connections = 0   # accepted so far
        self.open = 0          # accepted and not ended
        self.served = 0        # payload bytes sent
        self.requests = []     # (index, begin, length), as they came
        self.sockets = set()
        self.closing = False
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind((self.address, port))
        self.server.listen(backlog)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __str__(self):
        return "%s:%d" % (self.address, self.port)

    def close(self):
        """Ends all connections and listens no longer."""
        with self.lock:
            self.closing = True
            waiting = list(self.sockets)
        for sock in [self.server] + waiting:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.close()

    def ended(self):
        """How many connections have come and gone."""
        with self.lock:
            return self.connections - self.open

    def _accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            with self.lock:
                if self.closing:
                    sock.close()
                    return
                self.sockets.add(sock)
                self.connections += 1
                self.open += 1
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        connection = Connection(sock)
        try:
            self.accepted(connection)
        except Gone:
            pass
        finally:
            with self.lock:
                self.sockets.discard(sock)
                self.open -= 1
            sock.close()

    # The steps that a subclass may replace.

    def accepted(self, connection):
        """A connection's whole life."""
        self.theirs = connection.read(68)
        self.greet(connection)
        self.introduce(connection)
        while True:
            kind, payload = connection.next_message()
            self.message(connection, kind, payload)

    def handshake(self):
        """The 68 bytes of our handshake."""
        return PROTOCOL + self.reserved + self.torrent.info_hash + self.peer_id

    def greet(self, connection):
        """Sends our handshake."""
        connection.write(self.handshake())

    def bitfield(self, indices=None):
        """A bitfield with these pieces, or all."""
        count = len(self.torrent.pieces)
        bits = bytearray((count + 7) // 8)
        for index in range(count) if indices is None else indices:
            bits[index // 8] |= 0x80 >> index % 8
        return bytes(bits)

    def introduce(self, connection):
        """Says what we have."""
        connection.message(BITFIELD, self.bitfield())

    def message(self, connection, kind, payload):
        """Unchokes who is interested, serves what is asked for."""
        if kind == INTERESTED and not connection.unchoked:
            connection.unchoked = True
            connection.message(UNCHOKE)
        elif kind == REQUEST and len(payload) == 12:
            index, begin, length = struct.unpack(">III", payload)
            with self.lock:
                self.requests.append((index, begin, length))
            self.serve(connection, index, begin, length)

    def block(self, index, begin, length):
        """The right bytes."""
        return self.torrent.piece(index)[begin:begin + length]

    def send_block(self, connection, index, begin, data):
        """Sends a PIECE message."""
        connection.message(PIECE, struct.pack(">II", index, begin) + data)
        with self.lock:
            self.served += len(data)

    def serve(self, connection, index, begin, length):
        """Answers one request."""
        self.send_block(connection, index, begin, self.block(index, begin, length))


class Speaker(Peer):
    """An honest seeder that also says something of its own once the handshakes are done: `says` is
    raw bytes, sent before the bitfield if `first`, else after it."""

    def __init__(self, torrent, says, first=False, **rest):
        self.says = says
        self.first = first
        super().__init__(torrent, **rest)

    def introduce(self, connection):
        if self.first:
            connection.write(self.says)
        super().introduce(connection)
        if not self.first:
            connection.write(self.says)


class Corrupt(Peer):
    """Flips one bit in each block (or in those where `choose(index, begin)` says so)."""

    def __init__(self, torrent, choose=lambda index, begin: True, **rest):
        self.choose = choose
        super().__init__(torrent, **rest)

    def block(self, index, begin, length):
        data = bytearray(super().block(index, begin, length))
        if data and self.choose(index, begin):
            data[hashlib.sha1(b"%d %d" % (index, begin)).digest()[0] % len(data)] ^= 1
        return bytes(data)


class HitAndRun(Corrupt):
    """Sends one wrong block, chokes, and unchokes again a moment later: never the only one that had
    a part in a piece (F22)."""

    def serve(self, connection, index, begin, length):
        super().serve(connection, index, begin, length)
        connection.message(CHOKE)
        threading.Timer(0.05, self.unchoke, [connection]).start()

    def unchoke(self, connection):
        """Unchokes, if it is still there."""
        try:
            connection.message(UNCHOKE)
        except Gone:
            pass


class Partial(Peer):
    """Has only the pieces `has`, and says so."""

    def __init__(self, torrent, has, **rest):
        self.has = has
        super().__init__(torrent, **rest)

    def introduce(self, connection):
        connection.message(BITFIELD, self.bitfield(self.has))


class Silent(Peer):
    """Accepts and never speaks (F3)."""

    def accepted(self, connection):
        connection.drain()


class Mute(Peer):
    """Claims every piece, unchokes, and never serves a block (F28)."""

    def serve(self, connection, index, begin, length):
        pass


class Choker(Peer):
    """Claims every piece and never unchokes (F25)."""

    def message(self, connection, kind, payload):
        pass


class Cutter(Peer):
    """Closes in the middle of a block after `blocks` good ones (F8)."""

    def __init__(self, torrent, blocks=1, **rest):
        self.blocks = blocks
        super().__init__(torrent, **rest)

    def serve(self, connection, index, begin, length):
        with self.lock:
            self.blocks -= 1
            cut = self.blocks < 0
        if not cut:
            super().serve(connection, index, begin, length)
            return
        data = struct.pack(">IBII", length + 9, PIECE, index, begin) \
            + self.block(index, begin, length)
        connection.write(data[:len(data) // 2])
        connection.socket.shutdown(socket.SHUT_RDWR)
        raise Gone()


class Trickler(Peer):
    """Sends each block one byte per `pause` seconds (F10), and so never in time."""

    def __init__(self, torrent, pause=1.0, **rest):
        self.pause = threading.Event()
        self.seconds = pause
        super().__init__(torrent, **rest)

    def serve(self, connection, index, begin, length):
        data = struct.pack(">IBII", length + 9, PIECE, index, begin) \
            + self.block(index, begin, length)
        for at in range(len(data)):
            connection.write(data[at:at + 1])
            self.pause.wait(self.seconds)


class Flapper(Peer):
    """Chokes after every `blocks` blocks and unchokes again (F24, F26)."""

    def __init__(self, torrent, blocks=3, **rest):
        self.blocks = blocks
        super().__init__(torrent, **rest)

    def serve(self, connection, index, begin, length):
        super().serve(connection, index, begin, length)
        with self.lock:
            flap = self.served // torrents.BLOCK % self.blocks == 0
        if flap:
            connection.message(CHOKE)
            connection.message(UNCHOKE)


class Liar(Peer):
    """Claims pieces that it has not: serves only those in `has` and is silent about the rest."""

    def __init__(self, torrent, has=(), **rest):
        self.has = set(has)
        super().__init__(torrent, **rest)

    def serve(self, connection, index, begin, length):
        if index in self.has:
            super().serve(connection, index, begin, length)


class Slow(Peer):
    """Serves at most `rate` bytes per second on each connection."""

    def __init__(self, torrent, rate, **rest):
        self.rate = rate
        self.pause = threading.Event()
        super().__init__(torrent, **rest)

    def serve(self, connection, index, begin, length):
        self.pause.wait(length / self.rate)
        super().serve(connection, index, begin, length)


class SlowCorrupt(Corrupt, Slow):
    """Every block is wrong, and comes at `rate` bytes per second."""


class SlowHitAndRun(HitAndRun, Slow):
    """Hits and runs at `rate` bytes per second."""


class Saboteur(Corrupt):
    """Spoils pieces that it shares with others, and keeps them from being mended (F23): lies in its
    first block and in each of the others with the probability `lies`, hangs up after every `cut`
    blocks, chokes for a moment now and then, and takes `drag` seconds for each block after the
    first few, which come fast. What it does by chance a seed decides."""

    def __init__(self, torrent, seed, lies=0.01, cut=0, drag=0.0, chokes=0.02, **rest):
        self.dice = random.Random(seed)
        self.lies, self.cut, self.drag, self.chokes = lies, cut, drag, chokes
        self.count = 0
        self.pause = threading.Event()
        super().__init__(torrent, self.decide, **rest)

    def decide(self, _index, _begin):
        """Is this block to be a lie?"""
        return self.count == 1 or self.dice.random() < self.lies

    def serve(self, connection, index, begin, length):
        self.count += 1
        if self.count > 8:
            self.pause.wait(self.drag)
        super().serve(connection, index, begin, length)
        if self.cut and self.count % self.cut == 0:
            raise Gone()
        if self.dice.random() < self.chokes:
            connection.message(CHOKE)
            connection.message(UNCHOKE)


class Gated(Peer):
    """An honest seeder that holds one piece back until its gate is opened: with it as the only
    honest one the download cannot end before the scenario has seen what it wants to see."""

    def __init__(self, torrent, held=None, **rest):
        self.held = len(torrent.pieces) - 1 if held is None else held
        self.gate = threading.Event()
        self.waiting = []
        super().__init__(torrent, **rest)

    def open_gate(self):
        """Serves what was held back, and everything from now on."""
        with self.lock:
            self.gate.set()
            waiting, self.waiting = self.waiting, []
        for connection, index, begin, length in waiting:
            try:
                super().serve(connection, index, begin, length)
            except Gone:
                pass

    def serve(self, connection, index, begin, length):
        with self.lock:
            if index == self.held and not self.gate.is_set():
                self.waiting.append((connection, index, begin, length))
                return
        super().serve(connection, index, begin, length)


class Mirror(Peer):
    """Sends back our own handshake: what one sees who dials himself (F6)."""

    def handshake(self):
        return self.theirs
