"""A strict peer and a strict tracker: they check every byte that a learner's client sends.

They expect what the exercise expects (BEP 3, 9, 10), in that order and nothing else, and note every
departure in `faults`. The peer serves one connection at a time, as one thread with one socket does.
What is allowed after the handshakes is said by `script`, a list of steps:

    extend     our extension handshake goes out, theirs must be the next message
    metadata   requests for the pieces of the metadata, in order, are the next messages
    pieces     interested must be next; then requests, of which several must be under way at a time

and behind the last step the connection must end without another byte. Hostile peers override one
step. Nothing here is taken from weft, so that both can't be wrong in the same way.
"""

import hashlib
import struct
import threading
import urllib.parse

import lib
import peers
import trackers
from torrents import BLOCK, KIB, bdecode, bencode

EXTENSION_BIT = bytes.fromhex("0000000000100000")
PIPELINE = 5


class Fault(Exception):
    """They did something that is not allowed here."""


class StrictPeer(peers.Peer):
    """A peer that knows exactly what has to come next."""

    def __init__(self, torrent, script=(), ut_metadata=123, reserved_allowed=(EXTENSION_BIT,),
                 holds=None, **rest):
        self.script = list(script)
        self.ut_metadata = ut_metadata
        self.reserved_allowed = reserved_allowed
        self.holds = holds      # indices of the pieces that it has; None: all
        self.metadata = bencode(torrent.info)
        self.faults = []
        self.heard = []         # every message of theirs, as (id, payload)
        self.their_id = None    # theirs for ut_metadata
        self.depth = 0          # the most requests under way at a time
        self.finished = 0       # connections that came to the end of the script
        self.busy = threading.Lock()
        super().__init__(torrent, **rest)
        self.reserved = EXTENSION_BIT

    def accepted(self, connection):
        if not self.busy.acquire(blocking=False):
            self.faults.append("a second connection while the first is open")
            return
        try:
            self.shake(connection)
            for step in self.script:
                getattr(self, step)(connection)
            self.expect_end(connection)
            self.finished += 1
        except Fault as fault:
            self.faults.append(str(fault))
        finally:
            self.busy.release()

    # Steps.

    def shake(self, connection):
        """The handshakes: theirs is compared byte by byte."""
        self.theirs = connection.read(68)
        if self.theirs[:20] != peers.PROTOCOL:
            raise Fault("not the protocol string: %r" % self.theirs[:20])
        if self.theirs[20:28] not in self.reserved_allowed:
            raise Fault("reserved bytes %s" % self.theirs[20:28].hex())
        if self.theirs[28:48] != self.torrent.info_hash:
            raise Fault("another info hash")
        if self.theirs[48:] == b"00112233445566778899":
            raise Fault("the peer id that everybody copies")
        self.greet(connection)
        connection.message(peers.BITFIELD, self.bitfield(self.holds))

    def extension_handshake(self):
        """The dictionary that we send."""
        return {"m": {"ut_metadata": self.ut_metadata, "ut_pex": 7},
                "metadata_size": len(self.metadata), "reqq": 250, "v": "strict 1.0"}

    def extend(self, connection):
        """Extension handshakes, ours first."""
        connection.message(peers.EXTENDED, b"\0" + bencode(self.extension_handshake()))
        kind, payload = self.next_message(connection)
        if kind != peers.EXTENDED or payload[:1] != b"\0":
            raise Fault("first message is %d %r, not an extension handshake" % (kind, payload))
        root, end = bdecode(payload, 1)
        if end != len(payload) or bencode(root) != payload[1:]:
            raise Fault("extension handshake not canonical: %r" % payload)
        self.their_id = root.get(b"m", {}).get(b"ut_metadata")
        if not isinstance(self.their_id, int) or not 1 <= self.their_id <= 255:
            raise Fault("no id for ut_metadata: %r" % root)

    def metadata_piece(self, index):
        """The bytes of a piece of the metadata."""
        return self.metadata[index * BLOCK:(index + 1) * BLOCK]

    def metadata_answer(self, index):
        """The payload, behind the extension id, that answers a request."""
        return bencode({"msg_type": 1, "piece": index, "total_size": len(self.metadata)}) \
            + self.metadata_piece(index)

    def metadata_step(self, connection, index):
        """One request, which must be exactly this one, and its answer."""
        kind, payload = self.next_message(connection)
        wanted = bytes([self.ut_metadata]) + bencode({"msg_type": 0, "piece": index})
        if kind != peers.EXTENDED or payload != wanted:
            raise Fault("not a request for metadata piece %d: %d %r" % (index, kind, payload))
        connection.message(peers.EXTENDED, bytes([self.their_id]) + self.metadata_answer(index))

    def metadata_requests(self, connection):
        """All of the metadata."""
        for index in range((len(self.metadata) + BLOCK - 1) // BLOCK):
            self.metadata_step(connection, index)

    def pieces(self, connection):
        """Interested, unchoke, and then requests until they hang up."""
        kind, payload = self.next_message(connection)
        if (kind, payload) != (peers.INTERESTED, b""):
            raise Fault("not interested, but %d %r" % (kind, payload))
        connection.message(peers.UNCHOKE)
        waiting = []
        wanted = {}  # piece: bytes of it that were asked for
        while True:
            try:
                kind, payload = self.next_message(connection)
            except peers.Gone:
                self.finished += 1
                raise
            if kind != peers.REQUEST or len(payload) != 12:
                raise Fault("not a request: %d %r" % (kind, payload))
            index, begin, length = struct.unpack(">III", payload)
            self.check_request(index, begin, length)
            waiting.append((index, begin, length))
            self.depth = max(self.depth, len(waiting))
            wanted[index] = wanted.get(index, 0) + length
            whole = wanted[index] >= len(self.torrent.piece(index))
            if len(waiting) >= PIPELINE or whole:
                for request in waiting:
                    self.serve(connection, *request)
                waiting = []

    def check_request(self, index, begin, length):
        """Is it a block that exists, asked for in the only way that it may be?"""
        if index >= len(self.torrent.pieces) or (self.holds is not None
                                                 and index not in self.holds):
            raise Fault("a request for piece %d" % index)
        whole = len(self.torrent.piece(index))
        if begin % BLOCK or begin >= whole or length != min(BLOCK, whole - begin):
            raise Fault("a request for %d bytes from %d of piece %d" % (length, begin, index))
        with self.lock:
            self.requests.append((index, begin, length))

    def expect_end(self, connection):
        """Nothing else may come."""
        try:
            byte = connection.read(1)
        except peers.Gone:
            return
        raise Fault("something that nobody asked for, beginning with %r" % byte)

    def next_message(self, connection):
        """Their next message, keep-alives included."""
        length = struct.unpack(">I", connection.read(4))[0]
        if length == 0:
            raise Fault("a keep-alive")
        if length > peers.LONGEST_MESSAGE:
            raise Fault("a message of %d bytes" % length)
        body = connection.read(length)
        self.heard.append((body[0], body[1:]))
        return body[0], body[1:]


def script(*names):
    """The steps of these names, for StrictPeer."""
    return ["metadata_requests" if name == "metadata" else name for name in names]


class Serves(StrictPeer):
    """Serves blocks in its own way: `serving(peer, connection, index, begin, length)`."""

    def __init__(self, torrent, script, serving, **rest):
        self.serving = serving
        super().__init__(torrent, script, **rest)

    def serve(self, connection, index, begin, length):
        self.serving(self, connection, index, begin, length)


class StrictTracker:
    """A tracker that checks every announce; gives these peers, in compact form. `left` must be
    within `lefts`, which is from 1 to the length if not given."""

    def __init__(self, torrent, addresses, lefts=None, redirect=False):
        self.torrent = torrent
        self.addresses = addresses
        self.lefts = lefts or range(1, len(torrent.data) + 1)
        self.redirect = redirect
        self.faults = []
        self.announces = 0
        self.inner = trackers.ScriptedTracker(self.answer)
        self.url = self.inner.url + ("/" if redirect else "")
        self.close = self.inner.close

    def answer(self, query):
        """One announce."""
        if self.redirect:
            self.redirect = False
            target = self.inner.url + "?" + "&".join(
                "%s=%s" % (key, urllib.parse.quote(value, safe=""))
                for key, value in query.items() if key != "ip")
            return 301, {"Location": target}, b""
        self.announces += 1
        fault = self.fault_of(query)
        if fault:
            self.faults.append("%s in %r" % (fault, query))
            return bencode({"failure reason": fault})
        return bencode({"interval": 60, "peers": trackers.compact(self.addresses)})

    def fault_of(self, query):
        """What is wrong with it, or None."""
        if query.get("info_hash") != self.torrent.info_hash:
            return "info_hash"
        if len(query.get("peer_id", b"")) != 20:
            return "peer_id"
        for key in ("port", "uploaded", "downloaded", "left"):
            if not query.get(key, "").isdigit():
                return key
        if not 0 < int(query["port"]) < 65536:
            return "port"
        if query.get("compact") != "1":
            return "compact"
        if int(query["left"]) not in self.lefts:
            return "left"
        return None


def magnet(torrent, *urls, hashed=None):
    """A magnet link as the exercise writes it."""
    link = "magnet:?xt=urn:btih:%s&dn=%s" % (hashed or torrent.info_hash.hex(),
                                             torrent.name.decode())
    return link + "".join("&tr=" + urllib.parse.quote(url, safe="") for url in urls)


def sha1_of(path):
    """The SHA-1 of a file's content."""
    with open(path, "rb") as source:
        return hashlib.sha1(source.read()).digest()


# What the scenarios with these two share.

def weft(box, *arguments, **rest):
    """Runs weft to its end; peers and numbers may be among the arguments."""
    return box.weft(*map(str, arguments), **rest)


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


def info_lines(torrent, url):
    """What info and magnet_info print."""
    return "Tracker URL: %s\nLength: %d\nInfo Hash: %s\nPiece Length: %d\nPiece Hashes:\n%s" % (
        url, len(torrent.data), torrent.info_hash.hex(), torrent.piece_length,
        "".join(piece.hex() + "\n" for piece in torrent.pieces))
