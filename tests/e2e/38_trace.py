#!/usr/bin/python3 -B
"""Goal: --trace shows exactly what went over the wire, in order, both ways, in lines that are never
torn and, as JSON, always of the documented form (src/io/trace.h); whoever reads them, or not, is
never in the way of the download. Many threads write: so this one runs under ThreadSanitizer, too.
"""

import collections
import contextlib
import json
import os
import pty
import re
import struct
import subprocess
import threading

import disks
import lib
import peers
import trackers
from torrents import KIB, MIB, bencode

EXTENDED_AND_FAST = bytes.fromhex("0000000000100004")
NAMES = {0: "choke", 1: "unchoke", 2: "interested", 3: "not-interested", 4: "have", 5: "bitfield",
         6: "request", 7: "piece", 8: "cancel", 9: "port", 13: "suggest-piece", 14: "have-all",
         15: "have-none", 16: "reject-request", 17: "allowed-fast", 20: "extended"}
BEPS = dict({name: 3 for name in NAMES.values()}, **{
    "port": 5, "suggest-piece": 6, "have-all": 6, "have-none": 6, "reject-request": 6,
    "allowed-fast": 6, "extended": 10, "keep-alive": 3, "unknown": None, "handshake": 3,
    "tracker": 3, "connection": None, "lost": None})
INDEX = {"index": int}
RANGE = {"index": int, "begin": int, "length": int}
# The members of "fields" that each type must have, and those that it may have.
MUST = {"have": INDEX, "suggest-piece": INDEX, "allowed-fast": INDEX, "request": RANGE,
        "piece": RANGE, "cancel": RANGE, "reject-request": RANGE, "port": {"port": int},
        "bitfield": {"pieces": int, "bits": str}, "extended": {"id": int}, "unknown": {"id": int},
        "handshake": {"reserved": str, "extensions": list, "info_hash": str, "peer_id": str},
        "tracker": {"request": str}, "connection": {"state": str}, "lost": {"lines": int}}
MAY = {"bitfield": {"shortened": bool}, "unknown": {"body": str, "shortened": bool},
       "extended": {"extension": str, "payload": object, "data_length": int, "shortened": bool},
       "handshake": {"client": str}, "connection": {"unsent": int}, "tracker": dict(
           {k: str for k in ("url", "info_hash", "peer_id", "key", "trackerid", "event", "failure",
                             "warning", "external_ip", "error")},
           **{k: int for k in ("port", "uploaded", "downloaded", "left", "compact", "no_peer_id",
                               "numwant", "status", "interval", "min_interval", "complete",
                               "incomplete", "peers")})}
CHANGED = {"am_interested": bool, "peer_choking": bool, "peer_interested": bool, "window": int,
           "outstanding": int, "has": int, "availability": int}


def validate(record, text):
    """Fails unless a line has the form that io/trace.h documents."""
    lib.check(list(record) == ["trace", "t", "peer", "dir", "type", "size", "bep", "fields",
                               "changed", "why"], "other members", text)
    kind, fields = record["type"], record["fields"]
    must, may = MUST.get(kind, {}), MAY.get(kind, {})
    good = record["trace"] == 1 and re.match(r'\{"trace":1,"t":\d+\.\d{6},', text) \
        and kind in BEPS and record["dir"] in ("in", "out", None) \
        and (record["dir"] is None) == (kind in ("connection", "lost")) \
        and isinstance(record["peer"], str) == (kind != "lost") \
        and (record["size"] is None or record["size"] >= 0) \
        and (record["why"] is None or isinstance(record["why"], str))
    lib.check(good, "not as documented", text)
    lib.check(record["bep"] == BEPS[kind] or record["bep"] in (9, 11, 48), "another BEP", text)
    for name, form in must.items():
        lib.check(isinstance(fields.get(name), form), "%s is not as documented" % name, text)
    for name, value in fields.items():
        form = must.get(name, may.get(name))
        lib.check(form and isinstance(value, form), "undocumented member: %s" % name, text)
    for name, (before, after) in record["changed"].items():
        lib.check(type(before) is type(after) is CHANGED.get(name) and before != after,
                  "no change of %s" % name, text)


def parse(text):
    """Every line, checked."""
    records = []
    lib.check(text == "" or text.endswith("\n"), "the last line is torn", text[-300:])
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            raise AssertionError("no JSON: %r" % line) from None
        validate(records[-1], line)
    return records


def read(path):
    """A trace in a file, checked."""
    with open(path, encoding="utf-8") as text:
        return parse(text.read())


def consistent(records):
    """What holds for each connection whatever was said: time goes on, and each change begins where
    the last one ended."""
    first = {"am_interested": False, "peer_choking": True, "peer_interested": False, "window": 0,
             "outstanding": 0, "has": 0}
    states, times = {}, {}
    for record in records:
        peer = record["peer"]
        if record["type"] in ("tracker", "lost"):
            continue
        if record["fields"].get("state") == "dialling":
            states[peer] = dict(first)
        lib.check(record["t"] >= times.get(peer, 0), "time goes back", record)
        times[peer] = record["t"]
        for name, (before, after) in record["changed"].items():
            if name != "availability":
                lib.check(states[peer][name] == before, "%s was %s" % (name, states[peer][name]),
                          record)
                states[peer][name] = after
    return states


class Recorder(peers.Peer):
    """An honest seeder that keeps every byte it sent and received, and says each thing that a peer
    can say before it serves the first block."""

    reserved = EXTENDED_AND_FAST

    def __init__(self, torrent, says=b"", **rest):
        self.says = says
        self.sent = b""
        self.received = b""
        self.done = threading.Event()
        super().__init__(torrent, **rest)

    def accepted(self, connection):
        write, take = connection.write, connection.read

        def recorded_write(data):
            self.sent += data
            write(data)

        def recorded_read(count):
            data = take(count)
            self.received += data
            return data
        connection.write, connection.read = recorded_write, recorded_read
        try:
            super().accepted(connection)
        finally:
            self.done.set()

    def introduce(self, connection):
        super().introduce(connection)
        connection.write(self.says)


def message(kind, payload=b""):
    """The bytes of one message."""
    return struct.pack(">IB", len(payload) + 1, kind) + payload


def decode(stream):
    """A stream as [(type, size, fields)], decoded here, independently of weft."""
    found = [("handshake", 68, {"reserved": stream[20:28].hex(), "info_hash": stream[28:48].hex(),
                                "peer_id": stream[48:68].hex()})]
    at = 68
    while at + 4 <= len(stream):
        length = struct.unpack(">I", stream[at:at + 4])[0]
        body = stream[at + 4:at + 4 + length]
        lib.check(len(body) == length, "the stream ends in a message")
        at += 4 + length
        kind = NAMES.get(body[0], "unknown") if body else "keep-alive"
        fields, rest = {}, body[1:]
        if kind in ("have", "suggest-piece", "allowed-fast"):
            fields["index"] = struct.unpack(">I", rest)[0]
        elif kind in ("request", "cancel", "reject-request"):
            fields = dict(zip(RANGE, struct.unpack(">III", rest)))
        elif kind == "piece":
            fields = dict(zip(RANGE, struct.unpack(">II", rest[:8]) + (len(rest) - 8,)))
        elif kind == "bitfield":
            fields = {"pieces": sum(bin(byte).count("1") for byte in rest), "bits": rest.hex()}
        elif kind == "port":
            fields["port"] = struct.unpack(">H", rest)[0]
        elif kind == "unknown":
            fields = {"id": body[0], "body": rest.hex()}
        elif kind == "extended":
            fields["id"] = rest[0]
        found.append((kind, 4 + length, fields))
    return found


def compare(lines, stream, what):
    """Fails unless the lines of the trace are the messages of the stream."""
    wanted = decode(stream)
    for number, (record, (kind, size, fields)) in enumerate(zip(lines, wanted)):
        lib.check(record["type"] == kind and record["size"] == size, "%s, message %d: %s of %d "
                  "bytes" % (what, number, kind, size), record)
        for name, value in fields.items():
            lib.check(record["fields"].get(name) == value, "%s, message %d: %s is %s"
                      % (what, number, name, value), record)
    lib.check(len(lines) == len(wanted), "%s: %d lines, %d messages"
              % (what, len(lines), len(wanted)), lines[-3:], wanted[-3:])
    lib.check(collections.Counter(record["type"] for record in lines)
              == collections.Counter(kind for kind, _, _ in wanted), what + ": other counts")


def agrees(records, peer, whole=True):
    """Fails unless the trace of one connection to a Recorder is what that recorded. Not `whole`:
    who has what he wanted leaves the rest of what was sent to him unread."""
    lib.check(peer.done.wait(20), "the connection does not end")
    mine = [r for r in records if r["peer"] == str(peer)]
    states = [r["fields"]["state"] for r in mine if r["type"] == "connection"]
    lib.check(states == ["dialling", "connected", "closed"], "other states: %s" % states)
    unsent = mine[-1]["fields"].get("unsent", 0)
    out = [r for r in mine if r["dir"] == "out"]
    while unsent > 0:  # put out, but the connection ended before it could leave
        unsent -= out.pop()["size"]
    came = [r for r in mine if r["dir"] == "in"]
    compare(came, peer.sent if whole else peer.sent[:sum(r["size"] for r in came)], "received")
    compare(out, peer.received, "sent")


SAYS = b"".join([
    bytes(4), message(4, struct.pack(">I", 1)), message(9, struct.pack(">H", 6881)),
    message(13, struct.pack(">I", 2)), message(17, struct.pack(">I", 3)), message(2), message(3),
    message(99, b"nobody knows"), message(20, b"\0" + bencode(
        {"m": {"ut_metadata": 3, "ut_pex": 1}, "v": b"\x1b[2J\"}, \xff"})),
    message(20, b"\x07d3:key5:valuee"), message(20, b"\x09no bencoding"),
    message(6, struct.pack(">III", 0, 0, 16384)), message(16, struct.pack(">III", 0, 0, 16384)),
    message(1), message(0), message(1), message(7, struct.pack(">II", 1, 0) + bytes(16384))])


@lib.case("the trace has what a scripted peer sent and received, in order, and nothing else")
def _(box):
    torrent = box.torrent(3 * MIB + 5, piece_length=64 * KIB)
    peer = box.peer(Recorder, torrent, SAYS)
    trace = box.path("trace")
    box.download(torrent, "--trace=json", "--trace-file", trace, peers=[peer], expect=0)
    box.compare(torrent)
    records = read(trace)
    agrees(records, peer)
    consistent(records)
    kinds = {r["type"] for r in records if r["dir"] == "in"}
    lib.check(kinds >= set(NAMES.values()) - {"have-all", "have-none", "cancel"}, "not all kinds",
              sorted(kinds))


@lib.case("have all, have none, and a choke in the middle are in the trace as they were said")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    peer = box.peer(Recorder, torrent, message(15) + message(14) + message(15) + message(14))
    peer.introduce = lambda connection: connection.write(peer.says)
    trace = box.path("trace")
    box.download(torrent, "--trace=json", "--trace-file", trace, peers=[peer], expect=0)
    records = read(trace)
    agrees(records, peer)
    consistent(records)
    told = [r["changed"].get("has") for r in records if r["type"] in ("have-all", "have-none")]
    lib.check(told == [None, [0, 16], [16, 0], [0, 16]], "other changes: %s" % told)


@lib.case("every request has its reason, and blocks nobody asked for are said to be thrown away")
def _(box):
    torrent = box.torrent(24 * MIB, piece_length=512 * KIB)
    peer = box.peer(Recorder, torrent, message(7, struct.pack(">II", 1, 0) + bytes(16384)))
    trace = box.path("trace")
    box.download(torrent, "--trace=json", "--trace-file", trace, peers=[peer], expect=0)
    records = read(trace)
    whys = {r["why"] for r in records if r["type"] == "request"}
    lib.check("rarest, 1 peer has it" in whys and "goes on with its piece" in whys
              and "one of the first pieces, at random" in whys, "other reasons", whys)
    lib.check(all(r["why"] for r in records if r["dir"] == "out"), "something without a reason")
    thrown = [r for r in records if r["type"] == "piece" and r["why"]]
    lib.check(len(thrown) == 1 and thrown[0]["why"].startswith("thrown away"), "not thrown away",
              thrown)


@lib.case("a traced download from libtorrent and two hundred others parses line by line")
def _(box):
    torrent = box.torrent(24 * MIB, piece_length=64 * KIB)
    swarm = [box.libtorrent(torrent) for _ in range(2)]
    swarm += [str(box.peer(peers.Slow, torrent, 400 * KIB)) for _ in range(198)]
    tracker = box.tracker(lambda query: bencode(
        {"interval": 1800, "complete": 200, "peers": trackers.compact(swarm)}), torrent)
    result = box.weft("download", "-o", box.downloads + "/", "--trace=json", "--max-peers", "200",
                      torrent.file, timeout=110, expect=0)
    box.compare(torrent)
    records = parse(result.err)
    states = consistent(records)
    lib.check(len(states) == 200, "%d connections" % len(states))
    asked = [r for r in records if r["type"] == "tracker" and r["dir"] == "out"]
    answers = [r for r in records if r["type"] == "tracker" and r["dir"] == "in"]
    lib.check(len(asked) == len(tracker.queries) and asked[0]["fields"]["event"] == "started"
              and asked[0]["fields"]["info_hash"] == torrent.info_hash.hex(), "other requests",
              asked)
    lib.check(any(r["fields"].get("peers") == 200 for r in answers), "other answers", answers)
    got = sum(r["fields"]["length"] for r in records if r["type"] == "piece")
    lib.check(got >= len(torrent.data), "only %d bytes of blocks" % got)


@lib.case("--trace-peer and --trace-type show only what they name")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=64 * KIB)
    one, two = (box.peer(Recorder, torrent) for _ in range(2))
    trace = box.path("trace")
    for wanted in (str(one), one.address):
        box.download(torrent, "--trace=json", "--trace-file", trace, "--trace-peer", wanted,
                     peers=[one, two], expect=0)
        lib.check({r["peer"] for r in read(trace)} == {str(one)}, "others, too")
        os.remove(os.path.join(box.downloads, "payload"))
    box.download(torrent, "--trace=json", "--trace-file", trace, "--trace-type",
                 "unchoke,request", "--trace-type=handshake", peers=[one, two], expect=0)
    records = read(trace)
    lib.check({r["type"] for r in records} == {"unchoke", "request", "handshake"}, "other types")
    lib.check({r["peer"] for r in records} == {str(one), str(two)}, "other peers")


@lib.case("a wrong name or address of a filter is a mistake, told before anything happens")
def _(box):
    torrent = box.torrent(100 * KIB)
    peer = box.peer(peers.Peer, torrent)
    for words, told in ((("--trace-type", "piece,nonsense"), "knows no 'nonsense'"),
                        (("--trace-peer", "somebody"), "takes an address"),
                        (("--trace=xml",), "takes off, text, json or hex")):
        result = box.download(torrent, *words, peers=[peer], expect=2)
        lib.check(told in result.err, "does not say: " + told, result)
    result = box.download(torrent, "--trace-file", box.path("no", "trace"), peers=[peer], expect=5)
    lib.check("the folder it should be in does not exist" in result.err, "not told why", result)
    lib.check(peer.connections == 0, "connected all the same")


@lib.case("a trace on a full disk ends with one warning, and the download goes on")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=64 * KIB)
    peer = box.peer(peers.Peer, torrent)
    with disks.tmpfs(box, 16 * KIB) as disk:
        trace = os.path.join(disk, "trace")
        result = box.download(torrent, "--trace=json", "--trace-file", trace, peers=[peer],
                              expect=0)
        box.compare(torrent)
        with open(trace, encoding="utf-8") as text:
            whole = text.read().splitlines()[:-1]
    lib.check(result.err.count("the trace can no longer be written") == 1, "not one warning",
              result)
    lib.check(len(whole) > 10, "hardly anything was written")
    parse("".join(line + "\n" for line in whole))


@lib.case("a reader that leaves, or never reads, is not in the way")
def _(box):
    torrent = box.torrent(4 * MIB, piece_length=64 * KIB)
    for reader in ("head -c 100", "sleep 100"):
        peer = box.peer(peers.Peer, torrent)
        box.download(torrent, "--trace", peers=[peer], expect=0, timeout=60, prefix=[
            "bash", "-c", 'exec "$@" 2> >(exec %s > /dev/null)' % reader, "-"])
        box.compare(torrent)
        os.remove(os.path.join(box.downloads, "payload"))


@lib.case("with -q the trace is all there is; as JSON on standard error it is alone anyway")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB)
    for words in (("-q", "--trace"), ("--trace=json",)):
        result = box.download(torrent, *words, peers=[box.peer(peers.Peer, torrent)], expect=0)
        lines = result.err.splitlines()
        lib.check(len(lines) > 130, "only %d lines" % len(lines), result)
        form = r"\{" if "json" in words[-1] else r" *\d+\.\d{3} 127\.\d+\.\d+\.\d+:\d+ +(--|<-|->) "
        lib.check(all(re.match(form, line) for line in lines), "something else", result)
        lib.check(result.out == "", "something on standard output", result)
        os.remove(os.path.join(box.downloads, "payload"))


@lib.case("hex shows the bytes of each field below its line")
def _(box):
    torrent = box.torrent(100 * KIB, piece_length=16 * KIB)
    peer = box.peer(Recorder, torrent)
    result = box.download(torrent, "-q", "--trace=hex", peers=[peer], expect=0)
    lib.check(peer.done.wait(20), "the connection does not end")
    shown = {"<-": b"", "->": b""}
    way = skipped = None
    for line in result.err.splitlines():
        row = re.match(r" +(\d+)  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", line)
        if not row:
            way = re.search(" (<-|->|--) ", line).group(1)
            continue
        shown[way] += bytes.fromhex(row.group(2))
        skipped = re.search(r"the first (\d+) of (\d+) bytes", line) or skipped
        if skipped and int(row.group(1)) == 29:  # the second row of data: the rest is left out
            shown[way] += bytes(int(skipped.group(2)) - int(skipped.group(1)))
            skipped = None
    # Data are shortened: compare with their rest blanked.
    blanked, at = bytearray(peer.sent), 68
    while at < len(blanked):
        length = struct.unpack(">I", blanked[at:at + 4])[0]
        if length > 100 and blanked[at + 4] == 7:
            blanked[at + 45:at + 4 + length] = bytes(length - 41)
        at += 4 + length
    lib.check(shown["<-"] == bytes(blanked), "other bytes were received")
    lib.check(shown["->"][:len(peer.received)] == peer.received, "other bytes were sent")


def on_terminal(box, *arguments):
    """Runs weft with standard error on a terminal of 100 columns; what appears there."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", "100"], stdin=theirs, check=True)
    seen = []

    def look():
        with contextlib.suppress(OSError):  # the other end is closed
            while True:
                seen.append(os.read(ours, 65536))
    watcher = threading.Thread(target=look)
    watcher.start()
    running = box.start(*arguments, env={"TERM": "xterm"}, prefix=[
        "bash", "-c", 'exec "$@" 2>%s' % os.ttyname(theirs), "-"])
    try:
        running.wait(expect=0)
    finally:
        os.close(theirs)
        watcher.join()
        os.close(ours)
    return b"".join(seen).decode()


@lib.case("on a terminal there is no progress bar between the lines, and long ones are folded")
def _(box):
    torrent = box.torrent(2 * MIB, piece_length=64 * KIB)
    words = ("download", "-o", box.downloads + "/", "--no-trackers", torrent.file, "--peer")
    text = on_terminal(box, *words, str(box.peer(peers.Slow, torrent, 2 * MIB)), "--trace")
    lib.check("\x1b" not in text and "\r" not in text.replace("\r\n", ""), "a bar", repr(text))
    lib.check("\r\n           why: one of the first pieces, at random" in text, "not folded",
              text[:3000])
    requests = [line for line in text.split("\r\n") if "-> request" in line]
    lib.check(requests and all(len(line) <= 100 for line in requests), "too wide", requests[:3])
    os.remove(os.path.join(box.downloads, "payload"))
    trace = box.path("trace")
    text = on_terminal(box, *words, str(box.peer(peers.Slow, torrent, 1 * MIB)),
                       "--trace=json", "--trace-file", trace)
    lib.check("\r" in text and "peers" in text, "no bar although the trace is elsewhere",
              repr(text))
    consistent(read(trace))


@lib.case("the commands that talk to one peer, or to trackers, have a trace as well")
def _(box):
    torrent = box.torrent(200 * KIB, piece_length=64 * KIB)
    tracker = box.tracker(lambda query: bencode({"interval": 60, "peers": b""}), torrent)
    for number, words in enumerate((("handshake", torrent.file, "{}"),
                                    ("probe", torrent.file, "{}"),
                                    ("download_piece", "--no-trackers", "--peer", "{}", "-o",
                                     box.path("piece"), torrent.file, "1"))):
        peer = box.peer(Recorder, torrent)
        trace = box.path("trace.%d" % number)
        box.weft(*[word.format(peer) for word in words], "--trace=json", "--trace-file", trace,
                 expect=0)
        records = read(trace)
        agrees(records, peer, whole=False)
        consistent(records)
        lib.check(len(records) >= 5, "only %d lines" % len(records))
    trace = box.path("trace.peers")
    box.weft("peers", "--trace=json", "--trace-file", trace, torrent.file, expect=0)
    events = [r["fields"].get("event") for r in read(trace) if r["dir"] == "out"]
    lib.check(events == ["started", "stopped"], "other events: %s" % events)
    lib.check(len(tracker.queries) == 2, "%d requests" % len(tracker.queries))


if __name__ == "__main__":
    lib.main()
