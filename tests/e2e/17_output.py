#!/usr/bin/python3 -B
"""Goal: what is printed is never in the way of the download: standard output closed, full, or a
reader that has left (FAULTS D15). And --json is JSON, line by line, from hello to done."""

import os

import lib
import peers
from torrents import KIB, MIB


def completes(box, torrent, *arguments, **rest):
    """A download that must work all the same."""
    result = box.download(torrent, *arguments, peers=[box.peer(peers.Peer, torrent)], expect=0,
                          **rest)
    box.compare(torrent)
    return result


@lib.case("standard output is closed")
def _(box):
    completes(box, box.torrent(1 * MIB, piece_length=16 * KIB), "--json",
              prefix=["bash", "-c", 'exec "$@" >&-', "-"])


@lib.case("standard output, input and errors are closed")
def _(box):
    completes(box, box.torrent(1 * MIB, piece_length=16 * KIB), "--json", "-vv",
              prefix=["bash", "-c", 'exec "$@" >&- 2>&- <&-', "-"])


@lib.case("standard output is full")
def _(box):
    with open("/dev/full", "wb") as full:
        completes(box, box.torrent(1 * MIB, piece_length=16 * KIB), "--json", stdout=full)


@lib.case("standard errors are full")
def _(box):
    completes(box, box.torrent(1 * MIB, piece_length=16 * KIB), "-vv",
              prefix=["bash", "-c", 'exec "$@" 2>/dev/full', "-"])


@lib.case("the reader of standard output has left")
def _(box):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        completes(box, box.torrent(1 * MIB, piece_length=16 * KIB), "--json", stdout=pipe)


@lib.case("--json prints one JSON object a line, from hello to done")
def _(box):
    torrent = box.torrent(1 * MIB, piece_length=64 * KIB, name="a \"name\" <&> \u00e9")
    result = completes(box, torrent, "--json")
    events = result.events()
    kinds = [event["event"] for event in events]
    lib.check(kinds[0] == "hello" and "version" in events[0], "does not begin with hello", kinds)
    lib.check(kinds[-1] == "done", "does not end with done", kinds)
    lib.check(kinds.count("metadata") == 1, "not one metadata event", kinds)
    lib.check(kinds.count("piece") == 16, "not one event for each piece", kinds)
    lib.check(events[-1].get("exit_code", events[-1].get("exit")) == 0, "another exit code",
              events[-1])
    lib.check(result.out.isascii() and "\x1b" not in result.out, "not in ASCII", repr(result.out))


@lib.case("--json of a failure says the same exit code as the process")
def _(box):
    torrent = box.torrent(1 * MIB)
    result = box.download(torrent, "--json", "--timeout", "2", expect=4)
    last = result.events()[-1]
    lib.check(last["event"] == "done" and last.get("exit_code", last.get("exit")) == 4,
              "the last event is %s" % last)


@lib.case("-q says nothing when all is well, and nothing goes to standard output without --json")
def _(box):
    result = completes(box, box.torrent(1 * MIB), "-q")
    lib.check(result.err == "" and result.out == "", "says something", result)
    os.remove(os.path.join(box.downloads, "payload"))
    result = completes(box, box.torrent(1 * MIB))
    lib.check(result.out == "", "writes to standard output", result)
    lib.check("\r" not in result.err and "\x1b" not in result.err, "draws on a pipe",
              repr(result.err))


@lib.case("--log-file takes the log")
def _(box):
    log = box.path("weft.log")
    result = completes(box, box.torrent(1 * MIB), "-vv", "--log-file", log)
    with open(log) as text:
        lib.check(len(text.read()) > 20, "an empty log", result)


if __name__ == "__main__":
    lib.main()
