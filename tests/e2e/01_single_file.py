#!/usr/bin/python3 -B
"""Goal: a single file arrives from a libtorrent seeder through an HTTP tracker, under the name that
was asked for, and nothing is left beside it. Also runs under ThreadSanitizer."""

import os

import lib
import peers
import trackers
from torrents import KIB, MIB


@lib.case("a single file arrives from libtorrent through opentracker")
def _(box):
    torrent = box.torrent(5 * MIB + 1, piece_length=64 * KIB)
    torrent.write_torrent(torrent.file, box.opentracker(torrent))
    box.libtorrent(torrent)
    box.weft("download", "-o", box.downloads + "/", torrent.file, expect=0)
    box.compare(torrent)


@lib.case("-o with a file name saves under that name")
def _(box):
    torrent = box.torrent(300 * KIB)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)],
                 output=os.path.join(box.downloads, "another name"), expect=0)
    box.compare(torrent, top="another name")


@lib.case("weft TORRENT PATH does the same as weft download")
def _(box):
    torrent = box.torrent(300 * KIB)
    box.tracker(trackers.names(box.peer(peers.Peer, torrent)), torrent)
    box.weft(torrent.file, box.downloads, expect=0)
    box.compare(torrent)


@lib.case("without -o the file lands in the current folder")
def _(box):
    torrent = box.torrent(300 * KIB)
    box.tracker(trackers.names(box.peer(peers.Peer, torrent)), torrent)
    box.weft(torrent.file, cwd=box.downloads, expect=0)
    box.compare(torrent)


@lib.case("the torrent may be a URL")
def _(box):
    torrent = box.torrent(300 * KIB)
    with open(torrent.file, "rb") as source:
        body = source.read()
    server = box.tracker(lambda query: body)
    box.weft("download", "-o", box.downloads + "/", "--peer", str(box.peer(peers.Peer, torrent)),
             server.url + ".torrent", expect=0)
    box.compare(torrent)


@lib.case("the tracker hears started, completed and stopped, with true numbers")
def _(box):
    torrent = box.torrent(1 * MIB)
    tracker = box.tracker(trackers.names(box.peer(peers.Peer, torrent)), torrent)
    box.weft("download", "-o", box.downloads + "/", "--port", "7001", torrent.file, expect=0)
    lib.wait_for(lambda: len(tracker.queries) >= 3, 30, "what weft said last is read")
    events = tracker.events()
    lib.check(events == ["started", "completed", "stopped"], "events: %s" % events)
    first, last = tracker.queries[0], tracker.queries[-1]
    lib.check(first["info_hash"] == torrent.info_hash, "another info hash")
    lib.check(len(first["peer_id"]) == 20 and first["compact"] == "1", "not as BEP 3 and 23 say")
    lib.check(first["port"] == "7001", "another port", first)
    lib.check(first["left"] == str(1 * MIB) and first["downloaded"] == "0", "at the start", first)
    lib.check(last["left"] == "0" and int(last["downloaded"]) >= 1 * MIB, "at the end", last)
    lib.check(first["peer_id"] == last["peer_id"], "the peer id changed")


if __name__ == "__main__":
    lib.main()
