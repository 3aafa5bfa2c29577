#!/usr/bin/python3 -B
"""A tracker that behaves as it is told: HTTP (BEP 3, 7, 23, 24, 31), a process of its own.

    tracker.py --port 0 --peers 127.0.0.1:6881,[::1]:6882 --log FILE
    tracker.py --mode 500,ok --interval 60          the first announce fails, the others work
    tracker.py --config FILE                        the same options as a JSON object

The first line on stdout is the port. --log gets one JSON object per request, flushed before the
answer: {"number", "mode", "from", "path", "agent", "event", "query": {...}}; info_hash and peer_id
in hex. Scenarios that need no separate process use trackers.ScriptedTracker instead.

Modes, one for all announces or one for each (the last one stays):
  ok              a reply with the peers        registry        names the others that announced
  NNN             that HTTP status              html            200 with a web page
  empty           200 with nothing              malformed       200 with cut bencode
  failure         a failure reason (--failure)  badpeers        good peers among bad dictionaries
  oddpeers        a compact string of 5 bytes   huge            100,000 peers
  refuse          closes without an answer      cut             half of the body, then closes
  stall           never answers                 stall-headers   headers, then nothing
  stall-stopped   as ok, but never answers "stopped" (stall-completed likewise)
  trickle         one byte of body per second   redirect-loop   to itself
  redirect-file   to file:///etc/passwd         redirect-local  to 169.254.169.254
  redirect-N      N redirects, then ok          bomb            a body of 1 GiB
  gzipbomb        64 MiB in 64 KiB of gzip      chunked         chunks without end
"""

import argparse
import contextlib
import http.server
import ipaddress
import json
import os
import re
import struct
import sys
import threading
import time
import urllib.parse
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import trackers  # pylint: disable=wrong-import-position
from torrents import bencode  # pylint: disable=wrong-import-position

MIB = 1024 * 1024
FAILURE = "not registered \x1b[2J\x1b]0;title\x07 here"


def split(address):
    """("1.2.3.4", 80) of "1.2.3.4:80", ("::1", 80) of "[::1]:80"."""
    host, _, port = address.rpartition(":")
    return ipaddress.ip_address(host.strip("[]")), int(port)


def compact(addresses, version):
    """The addresses of one IP version in compact form."""
    return b"".join(ip.packed + struct.pack(">H", port) for ip, port in addresses
                    if ip.version == version)


def packed_ip(text):
    """The bytes of an address, none for none."""
    return ipaddress.ip_address(text).packed if text else b""


def gzip_bomb():
    """64 MiB of one byte, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b"A" * MIB) for _ in range(64)) + packer.flush()


class Behaviour:
    """The options, and what was counted since the start."""

    def __init__(self, options):
        self.options = options
        self.modes = options.mode.split(",")
        self.peers = [split(text) for text in options.peers.split(",") if text]
        self.registry = trackers.registry(options.interval)
        self.log = open(options.log, "a") if options.log else None
        self.lock = threading.Lock()
        self.requests = 0
        self.announces = 0
        self.hops = {}

    def next_mode(self, hop):
        """The mode of this request; the hops of a redirect belong to the announce before them."""
        with self.lock:
            if hop == 0:
                self.announces += 1
            return self.modes[min(max(self.announces, 1), len(self.modes)) - 1]

    def note(self, mode, handler, query):
        """Writes the line of one request to the log."""
        shown = {key: value.hex() if isinstance(value, bytes) else value
                 for key, value in query.items()}
        with self.lock:
            self.requests += 1
            entry = {"number": self.requests, "mode": mode, "from": handler.client_address[0],
                     "path": handler.path.partition("?")[0],
                     "agent": handler.headers.get("User-Agent", ""),
                     "event": query.get("event", ""), "query": shown}
            if self.log:
                self.log.write(json.dumps(entry) + "\n")
                self.log.flush()

    def reply(self, peers):
        """A reply as a dictionary; `peers`: what stands under that key."""
        o = self.options
        body = {"interval": o.interval, "complete": o.complete, "incomplete": o.incomplete,
                "peers": peers}
        extra = {"min interval": o.min_interval, "tracker id": o.tracker_id,
                 "warning message": o.warning, "retry in": o.retry_in,
                 "peers6": compact(self.peers, 6) if not o.dict else b"",
                 "external ip": packed_ip(o.external_ip)}
        body.update({key: value for key, value in extra.items() if value not in (None, "", b"")})
        return body

    def good(self):
        """The bytes of a reply that works."""
        if self.options.dict:
            return bencode(self.reply([{"ip": str(ip), "peer id": "-XX0000-%012d" % port,
                                        "port": port} for ip, port in self.peers]))
        return bencode(self.reply(compact(self.peers, 4)))

    def bad_peers(self):
        """Good peers between entries of every wrong kind."""
        bad = [7, "x", [], {}, {"ip": 7, "port": 80}, {"ip": "1.2.3.4", "port": "80"},
               {"ip": "1.2.3.4", "port": 0}, {"ip": "no.address", "port": 80},
               {"ip": "1.2.3.4", "port": 65536}, {"port": 80}, {"ip": "255.255.255.255", "port": 1}]
        good = [{"ip": str(ip), "port": port} for ip, port in self.peers]
        return bencode(self.reply(bad + good + bad))

    def huge(self):
        """100,000 peers in 198.18.0.0/15 (nobody is there), behind those that were named."""
        many = b"".join(struct.pack(">IH", 0xc6120000 + i, 6881) for i in range(100000))
        return bencode(self.reply(compact(self.peers, 4) + many))

    def failure(self):
        """A reply that says why not."""
        body = {"failure reason": self.options.failure}
        if self.options.retry_in is not None:
            body["retry in"] = self.options.retry_in
        return bencode(body)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection, one request."""

    behaviour = None

    def do_GET(self):  # pylint: disable=invalid-name
        """Answers as the mode says."""
        hop = int((re.search(r"^/hop(\d+)", self.path) or ["", "0"])[1])
        query = trackers.parse_query(self.path)
        mode = self.behaviour.next_mode(hop)
        self.behaviour.note(mode, self, query)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.act(mode, hop, query)

    def act(self, mode, hop, query):
        """Sends the answer of one mode, or does not."""
        b = self.behaviour
        bodies = {"ok": b.good, "html": lambda: b"<html><body>Please log in</body></html>",
                  "empty": lambda: b"", "malformed": lambda: b.good()[:-7], "failure": b.failure,
                  "badpeers": b.bad_peers, "huge": b.huge,
                  "oddpeers": lambda: bencode(b.reply(b"abcde")),
                  "registry": lambda: b.registry(dict({"ip": self.client_address[0]}, **query))}
        acts = {"refuse": lambda: None, "cut": self.cut, "stall": self.stall, "bomb": self.bomb,
                "stall-headers": self.stall_headers, "trickle": self.trickle,
                "gzipbomb": lambda: self.send(200, gzip_bomb(), {"Content-Encoding": "gzip"}),
                "chunked": self.chunked}
        if mode.startswith("stall-") and mode[6:] == query.get("event", "-"):
            self.stall()
        elif mode in ("stall-stopped", "stall-completed"):
            self.send(200, b.good())
        elif mode.startswith("redirect-"):
            self.redirect(mode[9:], hop)
        elif mode in bodies:
            self.send(200, bodies[mode]())
        elif mode in acts:
            acts[mode]()
        else:
            self.send(int(mode), b"no")

    def send(self, status, body, headers=None):
        """A whole reply."""
        self.send_response(status)
        for name, value in dict({"Content-Length": len(body)}, **(headers or {})).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def head(self, **headers):
        """Nothing but the headers."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def stall(self):
        """Waits until the client hangs up."""
        while self.connection.recv(4096):
            pass

    def stall_headers(self):
        """Headers, a bit of body, and no more."""
        self.head(Content_Length=1000)
        self.wfile.write(b"d8:")
        self.stall()

    def trickle(self):
        """A body at one byte per second."""
        body = self.behaviour.good()
        self.head(Content_Length=len(body))
        for i in range(len(body)):
            self.wfile.write(body[i:i + 1])
            time.sleep(1)

    def cut(self):
        """Half of the body."""
        body = self.behaviour.good()
        self.head(Content_Length=len(body))
        self.wfile.write(body[:len(body) // 2])

    def bomb(self):
        """A gigabyte."""
        self.head(Content_Length=1024 * MIB)
        for _ in range(1024):
            self.wfile.write(b"A" * MIB)

    def chunked(self):
        """Chunks for ever."""
        self.head(Transfer_Encoding="chunked")
        while True:
            self.wfile.write(b"10000\r\n" + b"A" * 65536 + b"\r\n")

    def redirect(self, where, hop):
        """302: to a forbidden place, to itself, or `where` times before a good reply."""
        target = {"loop": self.path, "file": "file:///etc/passwd",
                  "local": "http://169.254.169.254/latest/meta-data/"}.get(where)
        if target is None and hop >= int(where):
            self.send(200, self.behaviour.good())
            return
        if target is None:
            target = "/hop%d?%s" % (hop + 1, urllib.parse.urlsplit(self.path).query)
        self.send(302, b"moved", {"Location": target})

    def log_message(self, *_):
        """Says nothing."""

    protocol_version = "HTTP/1.1"


def parse_arguments():
    """The options, from the command line over those from --config."""
    parser = argparse.ArgumentParser(description="a scripted tracker (see the top of this file)")
    parser.add_argument("--config", help="a JSON object with these options")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--peers", default="", help="IP:PORT,[IP]:PORT...")
    parser.add_argument("--dict", action="store_true", help="dictionary peers instead of compact")
    parser.add_argument("--mode", default="ok", help="one, or one per announce with commas")
    parser.add_argument("--interval", type=int, default=1800)
    parser.add_argument("--min-interval", type=int)
    parser.add_argument("--complete", type=int, default=1)
    parser.add_argument("--incomplete", type=int, default=0)
    parser.add_argument("--tracker-id", default="")
    parser.add_argument("--external-ip", default="")
    parser.add_argument("--failure", default=FAILURE)
    parser.add_argument("--warning", default="")
    parser.add_argument("--retry-in", type=int, help="minutes")
    parser.add_argument("--log", help="a file for one JSON object per request")
    options = parser.parse_args()
    if options.config:
        with open(options.config) as source:
            parser.set_defaults(**{k.replace("-", "_"): v for k, v in json.load(source).items()})
        options = parser.parse_args()
    return options


def main():
    """Serves until it is ended."""
    options = parse_arguments()
    Handler.behaviour = Behaviour(options)
    http.server.ThreadingHTTPServer.request_queue_size = 128
    server = http.server.ThreadingHTTPServer((options.bind, options.port), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
