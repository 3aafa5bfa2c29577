#!/usr/bin/python3 -B
"""What scripts/swarm starts: a tracker and three peers that are the same each time.

    tracker     http://127.0.0.1:6969/announce, and /scrape beside it
    peers       127.0.0.1:7001, :7002, :7003; the first has piece 0, the second piece 1, the third
                piece 2: nobody has all, together they do
    torrent     numbers.txt: what `seq 15000` prints, 78,894 bytes in pieces of 32 KiB

Ports, peer ids, answers and who has which piece never change, so that whoever talks to them sees
what src/COURSE.md shows. There is no .torrent to download: whoever makes one of the same file, with
pieces of the same length, gets the same info hash, which is computed here without weft.

The peers speak BEP 3, the extension protocol (BEP 10), and hand out the metadata (BEP 9). They hang
up on who wants another torrent, unchoke whoever is interested and serve what they have. Everything
happens in this one process.
"""

import signal
import socket
import sys
import threading

import peers
import trackers
from torrents import BLOCK, KIB, Torrent, bdecode, bencode

NUMBERS = 15000
TRACKER_PORT = 6969
PEER_PORTS = (7001, 7002, 7003)
UT_METADATA = 3  # our id for BEP 9


class Numbers(Torrent):
    """The torrent of the numbers, one per line, with nothing in its info dictionary that need not
    be there."""

    def __init__(self):
        self.content = "".join("%d\n" % n for n in range(1, NUMBERS + 1)).encode()
        super().__init__(len(self.content), name="numbers.txt", piece_length=32 * KIB)

    def _payload(self, length, seed):
        return self.content

    def _info(self):
        info = super()._info()
        del info["private"]
        return info


class Member(peers.Peer):
    """One of the three: has one piece, and the metadata for everybody."""

    reserved = bytes.fromhex("0000000000100000")  # BEP 10

    def __init__(self, torrent, index, port):
        self.index = index
        self.metadata = bencode(torrent.info)
        super().__init__(torrent, address="127.0.0.1", port=port)
        self.peer_id = b"-SW0100-port-is-%d" % port

    def greet(self, connection):
        if self.theirs[:20] != peers.PROTOCOL or self.theirs[28:48] != self.torrent.info_hash:
            raise peers.Gone()
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().greet(connection)

    def introduce(self, connection):
        connection.message(peers.BITFIELD, self.bitfield([self.index]))
        if self.theirs[25] & 0x10:
            connection.message(peers.EXTENDED, b"\0" + bencode({
                "m": {"ut_metadata": UT_METADATA}, "metadata_size": len(self.metadata),
                "reqq": 250, "v": "swarm 1.0"}))

    def message(self, connection, kind, payload):
        if kind == peers.EXTENDED and payload[:1] == b"\0":
            names = bdecode(payload, 1)[0].get(b"m", {})
            connection.their_metadata_id = names.get(b"ut_metadata", 0)
        elif kind == peers.EXTENDED and payload[:1] == bytes([UT_METADATA]):
            self.hand_out(connection, bdecode(payload, 1)[0])
        else:
            super().message(connection, kind, payload)

    def hand_out(self, connection, request):
        """Answers one request for a piece of the metadata (BEP 9)."""
        theirs = getattr(connection, "their_metadata_id", 0)
        if request.get(b"msg_type") != 0 or not theirs:
            return
        index = request.get(b"piece", 0)
        answer = {"msg_type": 1, "piece": index, "total_size": len(self.metadata)}
        data = self.metadata[index * BLOCK:(index + 1) * BLOCK]
        if index < 0 or not data:
            answer, data = {"msg_type": 2, "piece": index}, b""
        connection.message(peers.EXTENDED, bytes([theirs]) + bencode(answer) + data)

    def serve(self, connection, index, begin, length):
        if index == self.index and begin + length <= len(self.torrent.piece(index)):
            super().serve(connection, index, begin, length)


def answers(torrent):
    """The tracker's side: the three peers to everybody, and the counts to those who only scrape."""
    addresses = ["127.0.0.1:%d" % port for port in PEER_PORTS]
    counts = {"complete": 0, "incomplete": len(addresses)}
    announce = bencode(dict(counts, interval=1800, peers=trackers.compact(addresses)))
    scrape = bencode({"files": {torrent.info_hash: dict(counts, downloaded=0)}})

    def answer(query):
        if query.get("info_hash") != torrent.info_hash:
            return bencode({"failure reason": "this tracker knows only numbers.txt, in pieces of "
                                              "32 KiB"})
        return announce if "peer_id" in query else scrape

    return answer


def begin(torrent):
    """Starts all of it; [things to close]. OSError if a port is taken."""
    started = []
    try:
        started.append(trackers.ScriptedTracker(answers(torrent), port=TRACKER_PORT))
        for index, port in enumerate(PEER_PORTS):
            started.append(Member(torrent, index, port))
    except OSError:
        end(started)
        raise
    return started


def end(started):
    """Ends all of it."""
    for thing in started:
        thing.close()


def main():
    """Runs until it is told to end; the exit status."""
    over = threading.Event()
    ended_by = []

    def on_signal(number, _):
        ended_by.append(number)
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    torrent = Numbers()
    try:
        started = begin(torrent)
    except OSError as error:
        print("swarm: port %d or one of %d to %d is not free (%s); is another swarm running?"
              % (TRACKER_PORT, PEER_PORTS[0], PEER_PORTS[-1], error.strerror), file=sys.stderr)
        return 1
    print("A tracker listens at http://127.0.0.1:%d/announce." % TRACKER_PORT)
    for index, port in enumerate(PEER_PORTS):
        print("A peer listens at 127.0.0.1:%d; it has piece %d of numbers.txt." % (port, index))
    print("Ctrl-C ends them.", flush=True)
    while not over.wait(3600):
        pass
    end(started)
    return 128 + ended_by[0]


if __name__ == "__main__":
    sys.exit(main())
