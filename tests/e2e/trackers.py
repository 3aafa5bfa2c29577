"""A scripted tracker: an HTTP server (BEP 3, 23) that answers what a scenario tells it to."""

import contextlib
import http.server
import socket
import struct
import threading
import urllib.parse

from torrents import bencode


class ScriptedTracker:
    """A tracker that answers what it is told to.

    `answer(query)` gets the query as a dictionary (info_hash and peer_id as bytes) and returns the
    body as bytes, or (status, headers, body). Every query is kept in `queries`.
    """

    def __init__(self, answer, address="127.0.0.1", port=0):
        self.queries = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Turns a GET into a call."""

            def do_GET(self):  # pylint: disable=invalid-name
                """One announce."""
                query = dict({"ip": self.client_address[0]}, **parse_query(self.path))
                reply = answer(query)
                outer.queries.append(query)
                status, headers, body = reply if isinstance(reply, tuple) else (200, {}, reply)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in dict({"Content-Length": len(body)}, **headers).items():
                        self.send_header(name, str(value))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer((address, port), Handler)
        self.server.daemon_threads = True
        self.url = "http://%s:%d/announce" % self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        """Answers no longer."""
        self.server.shutdown()
        self.server.server_close()

    def events(self):
        """The events of the announces, in order; "" for a regular one."""
        return [query.get("event", "") for query in self.queries]


def parse_query(target):
    """The query of a request target as a dictionary; the binary values as bytes."""
    pairs = [part.partition("=") for part in urllib.parse.urlsplit(target).query.split("&")]
    raw = {key: urllib.parse.unquote_to_bytes(value) for key, _, value in pairs if key}
    return {key: value if key in ("info_hash", "peer_id") else value.decode("latin-1")
            for key, value in raw.items()}


def compact(addresses):
    """A list of "IP:PORT" in the compact form of BEP 23."""
    return b"".join(socket.inet_aton(host) + struct.pack(">H", int(port))
                    for host, _, port in (str(a).rpartition(":") for a in addresses))


def names(*addresses, interval=60):
    """An answer: these peers, whoever asks."""
    body = bencode({"interval": interval, "peers": compact(addresses)})
    return lambda query: body


def registry(interval=60):
    """An answer like a real tracker's: remembers who announced what and gives each the others."""
    swarms = {}
    lock = threading.Lock()

    def answer(query):
        me = "%s:%s" % (query["ip"], query["port"])
        with lock:
            swarm = swarms.setdefault(query["info_hash"], {})
            if query.get("event") == "stopped":
                swarm.pop(me, None)
            else:
                swarm[me] = query.get("left") == "0"
            others = [address for address in swarm if address != me]
            seeds = sum(swarm.values())
        return bencode({"interval": interval, "complete": seeds,
                        "incomplete": len(others) + 1 - seeds, "peers": compact(others)})

    return answer
