#!/usr/bin/python3 -B
"""Goal: `weft peers` and `weft scrape` ask every tracker once, say of each what it answered or why
it did not, leave no trace in the swarm, and print on stdout nothing but what was asked for. A
thread for each tracker: so this one runs under ThreadSanitizer, too."""

import gzip
import hashlib
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import threading
import time
import urllib.request

import lib
import trackers
from torrents import KIB, bdecode, bencode

# Modes of tracker.py that are no answer, each with words that must stand in the sentence about it.
FAILING = {"404": "status 404", "500": "status 500", "empty": "empty reply", "html": "web page",
           "malformed": "no tracker's reply", "failure": "not registered", "refuse": "closed",
           "cut": "cut before the end", "stall": "did not answer in time",
           "stall-headers": "too slow to end", "trickle": "too slow to end",
           "redirect-loop": "too many redirects", "redirect-file": "not allowed",
           "redirect-local": "not allowed", "bomb": "larger than", "gzipbomb": "larger than",
           "chunked": "larger than"}
WORKING = ["badpeers", "redirect-3", "stall-stopped"]
SAMPLE = ["192.0.2.1:6881", "192.0.2.2:51413", "[2001:db8::1]:6881"]


def tracker(box, mode, addresses=(), *more):
    """Starts tracker.py in one mode; its announce URL and the file with its log."""
    port = lib.free_port()
    log = box.path("announces.%d" % box.number())
    process = box.spawn(["/usr/bin/python3", "-B", os.path.join(lib.HERE, "tracker.py"), "--port",
                         str(port), "--mode", mode, "--log", log, "--peers",
                         ",".join(map(str, addresses)), *more])
    box.wait_port(process, "127.0.0.1", port)
    return "http://127.0.0.1:%d/announce" % port, log


def requests(log):
    """What tracker.py noted."""
    with open(log) as lines:
        return [json.loads(line) for line in lines]


def small(box, tiers=None):
    """A torrent of 100 KiB with these trackers."""
    torrent = box.torrent(100 * KIB, piece_length=32 * KIB)
    torrent.write_torrent(torrent.file, tiers)
    return torrent


def safe(result):
    """Fails the case if control characters reach the user."""
    text = result.out + result.err
    lib.check(not re.search("[\0-\x08\x0b-\x1f\x7f]", text), "control characters", repr(text))


def line_of(result, url, stream="err"):
    """The line about a tracker."""
    found = [text for text in getattr(result, stream).splitlines() if text.startswith(url + ": ")]
    lib.check(len(found) == 1, "%d lines about %s" % (len(found), url), result)
    return found[0]


def text_of(file):
    """What a file holds so far."""
    with open(file.name) as again:
        return again.read()


class Strict:
    """A tracker that takes nothing but an announce with all that a learner's tracker checks; it
    sends /announce/ on to /announce, as a web server does that knows no folder of that name."""

    def __init__(self, torrent, addresses):
        self.problems = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Checks one request."""

            def do_GET(self):  # pylint: disable=invalid-name
                """One announce."""
                path, _, raw = self.path.partition("?")
                if path == "/announce/":
                    self.reply(301, b"", {"Location": "/announce?" + raw})
                    return
                problem = outer.judge(path, trackers.parse_query(self.path), torrent)
                outer.problems += [problem] if problem else []
                self.reply(200, bencode({"failure reason": problem} if problem else {
                    "interval": 60, "complete": 3, "incomplete": 0,
                    "peers": trackers.compact(addresses)}))

            def reply(self, status, body, headers=None):
                """A whole reply."""
                self.send_response(status)
                for name, value in dict({"Content-Length": len(body)}, **(headers or {})).items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):  # pylint: disable=invalid-name
                """No."""
                outer.problems.append("POST")

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/announce" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def judge(path, query, torrent):
        """What is wrong with an announce, or ""."""
        length = len(torrent.data)
        number = {k: int(query.get(k, "-1")) for k in ("port", "uploaded", "downloaded", "left")}
        checks = {"path": path == "/announce", "info_hash": query["info_hash"] == torrent.info_hash,
                  "peer_id": len(query["peer_id"]) == 20, "port": 0 < number["port"] <= 65535,
                  "uploaded": number["uploaded"] == 0, "downloaded": number["downloaded"] == 0,
                  "compact": query.get("compact") == "1", "left": 1 <= number["left"] <= length}
        return ", ".join(name for name, good in checks.items() if not good)

    def close(self):
        """Answers no longer."""
        self.server.shutdown()
        self.server.server_close()


@lib.case("the learner's tracker is content, and stdout has its addresses, one per line")
def _(box):
    torrent = small(box)
    strict = Strict(torrent, SAMPLE[:2])
    box.closers.append(strict.close)
    for url in (strict.url, strict.url + "/"):
        torrent.write_torrent(torrent.file, url)
        result = box.weft("peers", torrent.file, expect=0)
        lib.check(result.out == "192.0.2.1:6881\n192.0.2.2:51413\n", "not the addresses", result)
        lib.check("2 peers, 3 seeders, 0 leechers, interval 60 s" in line_of(result, url),
                  "not the line", result)
    lib.check(not strict.problems, "the tracker complains", strict.problems)


@lib.case("an announce is taken back: opentracker counts us neither then nor later")
def _(box):
    lib.needs_program("opentracker")
    torrent = small(box)
    url = box.opentracker(torrent)
    torrent.write_torrent(torrent.file, url)
    quoted = urllib.parse.quote(torrent.info_hash)

    def announce(port, left):
        """Another client: announces to the tracker. True if that takes it."""
        query = "info_hash=%s&peer_id=%s&port=%d&uploaded=0&downloaded=0&left=%d&compact=1" % (
            quoted, "-XX0000-%012d" % port, port, left)
        with urllib.request.urlopen(url + "?" + query) as reply:
            return b"failure reason" not in bdecode(reply.read())[0]

    def counts():
        """What weft scrape says: seeders and leechers."""
        result = box.weft("scrape", "--json", torrent.file, expect=0)
        entry = json.loads(result.out)["trackers"][0]
        return entry["seeders"], entry["leechers"]

    # opentracker listens before its whitelist is read.
    lib.wait_for(lambda: announce(7001, 0), 10, "opentracker serves the torrent")
    lib.wait_for(lambda: announce(7002, 5000), 10, "opentracker serves the torrent")
    lib.check(counts() == (1, 1), "not the two that are there", counts())
    for _ in range(3):
        result = box.weft("peers", torrent.file, expect=0)
        lib.check(sorted(result.out.splitlines()) == ["127.0.0.1:7001", "127.0.0.1:7002"],
                  "not the two that are there", result)
        lib.wait_for(lambda: counts() == (1, 1), 10, "we are gone from the tracker")
    result = box.weft("scrape", torrent.file, expect=0)
    lib.check(re.fullmatch(re.escape(url) + r": 1 seeder, 1 leecher, \d+ downloads? \(\d+ ms\)\n",
                           result.out), "not the counts", result)
    lib.check(result.err == "", "stderr", result)


@lib.case("a torrent that opentracker does not know is told so")
def _(box):
    lib.needs_program("opentracker")
    known, unknown = small(box), box.torrent(64 * KIB, seed=2)
    url = box.opentracker(known)
    unknown.write_torrent(unknown.file, url)
    result = box.weft("scrape", unknown.file, expect=4)
    lib.check(result.out == "" and "does not know this torrent" in result.err, "no word", result)
    result = box.weft("peers", unknown.file, expect=4)
    lib.check(result.out == "" and ": refused: " in result.err, "addresses from nowhere", result)


@lib.case("every fault beside a tracker that works: addresses come, and each fault has its line")
def _(box):
    good, _ = tracker(box, "ok", SAMPLE)
    bad = {mode: tracker(box, mode)[0] for mode in FAILING}
    torrent = small(box, [[url] for url in bad.values()] + [[good]])
    result = box.weft("peers", "--timeout", "4", torrent.file, expect=0)
    lib.check(result.out.splitlines() == SAMPLE, "not the addresses", result)
    for mode, url in bad.items():
        text = line_of(result, url)
        kind = ": refused: " if mode == "failure" else ": failed: "
        lib.check(kind in text and FAILING[mode] in text, mode, result)
    safe(result)


for name in ("404", "html", "failure", "stall", "redirect-loop"):
    @lib.case("a tracker in mode %s and nothing else is exit 4, and stdout is empty" % name)
    def _(box, mode=name):
        torrent = small(box, tracker(box, mode)[0])
        for command in ("peers", "scrape"):
            result = box.weft(command, "--timeout", "2", torrent.file, expect=4)
            words = "refused: " if mode == "failure" else "gave no "
            lib.check(result.out == "" and words in result.err.splitlines()[-1], command, result)
            lib.check(FAILING[mode] in result.err, "not the reason", result)
            safe(result)
            quiet = box.weft(command, "-q", "--timeout", "2", torrent.file, expect=4)
            lib.check(quiet.out == "" and quiet.err.count("\n") == 1, "not one line", quiet)


for name in WORKING:
    @lib.case("a tracker in mode %s is good enough" % name)
    def _(box, mode=name):
        torrent = small(box, tracker(box, mode, SAMPLE[:2])[0])
        result = box.weft("peers", torrent.file, expect=0)
        lib.check(result.out.splitlines() == SAMPLE[:2], "not the addresses", result)


@lib.case("of a hundred thousand addresses each is shown")
def _(box):
    torrent = small(box, tracker(box, "huge", SAMPLE[:1])[0])
    result = box.weft("peers", torrent.file, expect=0)
    lines = result.out.splitlines()
    lib.check(len(lines) == len(set(lines)) == 100001 and lines[0] == SAMPLE[0], len(lines))
    lib.check(": 100001 peers" in result.err and "unusable" not in result.err, "", result.err)
    document = json.loads(box.weft("peers", "--json", torrent.file, expect=0).out)
    lib.check(document["peers"] == document["trackers"][0]["peers"] == lines, "")


@lib.case("addresses that several trackers name come once")
def _(box):
    first, _ = tracker(box, "ok", SAMPLE[1:])
    second, _ = tracker(box, "ok", SAMPLE[:2], "--dict")
    third, _ = tracker(box, "ok", reversed(SAMPLE))
    torrent = small(box, [[first], [second, third]])
    result = box.weft("peers", torrent.file, expect=0)
    lib.check(sorted(result.out.splitlines()) == SAMPLE, "", result)
    words = subprocess.run(["xargs", "-n", "1", "echo", "peer"], input=result.out, text=True,
                           capture_output=True, check=True).stdout.splitlines()
    lib.check(sorted(words) == ["peer " + text for text in SAMPLE], words)
    document = json.loads(box.weft("peers", "--json", torrent.file, expect=0).out)
    lib.check(document["peers"] == [SAMPLE[1], SAMPLE[2], SAMPLE[0]], "not by tiers", document)


@lib.case("an address with our port is left out where it is ours, and nowhere else")
def _(box):
    def answer(external):
        def reply(query):
            known = {"external ip": bytes([192, 0, 2, 77])} if external else {}
            return bencode(dict(known, interval=60, peers=trackers.compact(
                "%s:%s" % (host, query["port"]) for host in ("127.0.0.1", "192.0.2.77"))))
        return reply

    result = box.weft("peers", small(box, box.tracker(answer(False)).url).file, expect=0)
    lib.check(re.fullmatch(r"192\.0\.2\.77:6\d{4}\n", result.out), "", result)
    lib.check("1 peer and ourselves (%s may be ourselves)" % result.out.strip() in result.err, "",
              result)
    result = box.weft("peers", small(box, box.tracker(answer(True)).url).file, expect=0)
    lib.check(result.out == "" and ": 0 peers and ourselves" in result.err, "", result)


@lib.case("a tracker is told started and stopped by the same peer, and asked once")
def _(box):
    url, log = tracker(box, "ok", SAMPLE, "--tracker-id", "a b/c")
    torrent = small(box, [[url], [url, url]])
    box.weft("peers", torrent.file, expect=0)
    lib.wait_for(lambda: len(requests(log)) == 2, 10, "the tracker has been told both")
    first, second = (entry["query"] for entry in requests(log))
    lib.check((first["event"], second["event"]) == ("started", "stopped"), "events", first, second)
    lib.check(first["numwant"] == "200" and first["left"] == str(100 * KIB), "", first)
    for key in ("peer_id", "key", "port", "info_hash", "left"):
        lib.check(first[key] == second[key], key, first, second)
    lib.check("trackerid" not in first and second["trackerid"] == "a%20b/c" or
              second["trackerid"] == "a b/c", "tracker id", first, second)
    box.weft("peers", torrent.file, expect=0)
    lib.wait_for(lambda: len(requests(log)) == 4, 10, "the tracker has been told both again")
    lib.check(requests(log)[2]["query"]["peer_id"] != first["peer_id"], "the same peer id")


@lib.case("all that a tracker says is shown, and nothing of it does harm")
def _(box):
    url, _ = tracker(box, "ok", SAMPLE, "--warning", "mind\x1b[2J\u202ethis", "--external-ip",
                     "192.0.2.9", "--min-interval", "30", "--interval", "7", "--complete", "1",
                     "--incomplete", "9")
    torrent = small(box, url)
    result = box.weft("peers", torrent.file, expect=0)
    safe(result)
    text = line_of(result, url)
    for part in ("3 peers, 1 seeder, 9 leechers", "interval 7 s", "min interval 30 s",
                 "external ip 192.0.2.9", "warning: mind\\x1b[2J\\u{202e}this"):
        lib.check(part in text, part, text)
    lib.check(re.search(r" \(\d+ ms\)$", text), "no time", text)


@lib.case("--json has all of it in one object, and stderr is empty")
def _(box):
    good, _ = tracker(box, "badpeers", SAMPLE[:1], "--warning", "mind \x1b this", "--external-ip",
                      "2001:db8::9", "--min-interval", "30")
    no, _ = tracker(box, "failure", [], "--retry-in", "5")
    torrent = small(box, [["udp://127.0.0.1:1/announce", no], [good + "?passkey=secret"]])
    result = box.weft("peers", "--json", "--tracker", "http://127.0.0.1:1/announce", torrent.file,
                      expect=0)
    lib.check(result.err == "" and result.out.count("\n") == 1, "not one line", result)
    lib.check("secret" not in result.out, "a passkey is shown", result)
    document = json.loads(result.out)
    lib.check(document["version"] == 1 and document["info_hash"] == torrent.info_hash.hex() and
              document["peers"] == SAMPLE[:1], "", document)
    for entry in document["trackers"]:
        lib.check(isinstance(entry.pop("ms"), int), "no time")
    nothing = {"seeders": None, "leechers": None, "interval": None, "min_interval": None,
               "warning": None, "external_ip": None, "peers": [], "peers_skipped": 0,
               "peers_left_out": 0, "ourselves": 0}
    dead, udp, refused, answered = document["trackers"]
    lib.check(dead == dict(nothing, url="http://127.0.0.1:1/announce", tier=0, state="failed",
                           retry_in=None, error="could not connect to 127.0.0.1:1: connection "
                                                "refused"), dead)
    lib.check(udp == dict(nothing, url="udp://127.0.0.1:1/announce", tier=1, state="skipped",
                          retry_in=None, error="UDP trackers are not supported yet"), udp)
    lib.check(refused == dict(nothing, url=no, tier=1, state="refused", retry_in=300,
                              error="not registered \\x1b[2J\\x1b]0;title\\x07 here"), refused)
    lib.check(answered == {"url": good + "?passkey=...", "tier": 2, "state": "answered",
                           "retry_in": None, "error": None, "seeders": 1, "leechers": 0,
                           "interval": 1800, "min_interval": 30, "warning": "mind \\x1b this",
                           "external_ip": "2001:db8::9", "peers": SAMPLE[:1],
                           "peers_skipped": 22, "peers_left_out": 0, "ourselves": 0}, answered)


@lib.case("UDP trackers are named, and no error if another one answers")
def _(box):
    good, _ = tracker(box, "ok", SAMPLE)
    torrent = small(box, [["udp://127.0.0.1:1/announce"], [good]])
    result = box.weft("peers", torrent.file, expect=0)
    lib.check(line_of(result, "udp://127.0.0.1:1/announce").endswith(
        "skipped: UDP trackers are not supported yet"), "", result)
    lib.check(result.out.splitlines() == SAMPLE, "", result)
    torrent.write_torrent(torrent.file, "udp://127.0.0.1:1/announce")
    for command in ("peers", "scrape"):
        result = box.weft(command, torrent.file, expect=4)
        lib.check("UDP trackers are not supported yet" in result.err, "", result)


@lib.case("a packed reply is read")
def _(box):
    body = gzip.compress(bencode({"interval": 60, "peers": trackers.compact(SAMPLE[:2])}))
    url = box.tracker(lambda query: (200, {"Content-Encoding": "gzip"}, body)).url
    result = box.weft("peers", small(box, url).file, expect=0)
    lib.check(result.out.splitlines() == SAMPLE[:2], "", result)


@lib.case("a tracker whose certificate nobody vouches for hears nothing of the torrent")
def _(box):
    lib.needs_program("openssl")
    key, certificate = box.path("key.pem"), box.path("certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    https = box.tracker(trackers.names(*SAMPLE[:2]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    https.server.socket = context.wrap_socket(https.server.socket, server_side=True)
    torrent = small(box, https.url.replace("http:", "https:"))
    for command in ("peers", "scrape"):
        result = box.weft(command, torrent.file, expect=4)
        lib.check("no safe connection to 127.0.0.1" in result.err, "", result)
    lib.check(not https.queries, "it was told", https.queries)


@lib.case("a tracker that is slow holds up nobody else's answer, and --timeout ends the wait")
def _(box):
    slow, log = tracker(box, "stall")
    good, _ = tracker(box, "ok", SAMPLE)
    torrent = small(box, [[slow], [good]])
    running = box.start("peers", "--timeout", "0", torrent.file)
    lib.wait_for(lambda: good in running.error_text(), 30, "the good one's line", running)
    lib.check(running.running() and slow not in running.error_text(), "did not wait")
    running.kill()
    result = box.weft("peers", "--timeout", "2", torrent.file, expect=0)
    lib.check(result.out.splitlines() == SAMPLE, "", result)
    lib.check("did not answer in time" in line_of(result, slow), "", result)
    lib.check(all(entry["event"] == "started" for entry in requests(log)), requests(log))


@lib.case("a tracker has the whole --timeout, 60 s without it, and all the time there is with 0")
def _(box):
    def after(seconds, body):
        def answer(query):
            if query.get("event") != "stopped":
                time.sleep(seconds)
            return body
        return box.tracker(answer).url

    torrent = small(box)
    named = bencode({"interval": 60, "peers": trackers.compact(SAMPLE[:1])})
    counts = bencode({"files": {torrent.info_hash: {"complete": 5}}})
    content = open(torrent.file, "rb").read()
    runs = []
    for seconds, command, body, *options in ((17, "peers", named), (17, "scrape", counts),
                                             (17, "peers", named, "--timeout", "0"),
                                             (11, "peers", named, "--timeout", "13")):
        path = box.path("%d.torrent" % box.number())
        torrent.write_torrent(path, after(seconds, body))
        runs.append(box.start(command, *options, path))
    runs.append(box.start("info", after(11, content)))
    for running, text in zip(runs, [SAMPLE[0], "5 seeders"] + 2 * [SAMPLE[0]] + ["Info Hash"]):
        result = running.wait(60)
        lib.check(result.code == 0 and text in result.out, "not waited for", result)


@lib.case("however many trackers a torrent has, all are asked, or it is said how many are not")
def _(box):
    torrent = small(box)
    counts = bencode({"files": {torrent.info_hash: {"complete": 1}}})
    asked = box.tracker(lambda query: counts)
    asked.server.socket.listen(256)
    for tiers, left_out in ((60, 0), (70, 120)):
        del asked.queries[:]
        torrent.write_torrent(torrent.file, [["%s?t=%d.%d" % (asked.url, t, i) for i in range(20)]
                                             for t in range(tiers)])
        result = box.weft("scrape", "--timeout", "0", torrent.file, expect=0)
        count = 20 * tiers - left_out
        lib.check(len(asked.queries) == len(result.out.splitlines()) == count,
                  "not %d" % count, len(asked.queries), result)
        said = "%d of the torrent's trackers are not asked" % left_out
        lib.check((said in result.err) == (left_out > 0), "not said", result)
    document = json.loads(box.weft("scrape", "--json", torrent.file, expect=0).out)
    lib.check(document["trackers_left_out"] == 120 and len(document["trackers"]) == 1280, "")


@lib.case("Ctrl-C is exit 130 at once, and what came before it is there")
def _(box):
    slow, log = tracker(box, "stall")
    good, _ = tracker(box, "ok", SAMPLE)
    torrent = small(box, [[slow], [good]])
    for command, code, number, *json_too in (
            ("peers", 130, signal.SIGINT), ("scrape", 130, signal.SIGINT),
            ("peers", 143, signal.SIGTERM), ("peers", 130, signal.SIGINT, "--json")):
        seen = len(requests(log)) if os.path.exists(log) else 0
        expected = SAMPLE if command == "peers" and not json_too else []
        running = box.start(command, "--timeout", "0", *json_too, torrent.file)
        lib.wait_for(lambda n=seen: len(requests(log)) > n, 30, "the slow one is asked", running)
        if not json_too:
            lib.wait_for(lambda: good in running.error_text(), 30, "the good one's line", running)
        if expected:  # they do not wait for the slow one
            lib.wait_for(lambda: text_of(running.out).splitlines() == expected, 30, "addresses",
                         running)
        running.signal(number)
        result = running.wait(10)
        lib.check(result.code == code and result.out.splitlines() == expected,
                  "not exit %d" % code, result)


@lib.case("a reader that takes nothing keeps no signal from being heard")
def _(box):
    torrent = small(box, tracker(box, "huge", SAMPLE[:1])[0])
    for options in ([], ["--json"]):
        reading, writing = os.pipe()
        with open(writing, "wb") as stdout:
            running = box.start("peers", *options, torrent.file, stdout=stdout)
        lib.wait_for(lambda fd=reading: lib.unread(fd) >= 32 * KIB, 30, "a full pipe", running)
        running.signal(signal.SIGTERM)
        lib.check(running.wait(10).code == 143, "not exit 143", running)
        os.close(reading)


@lib.case("--tracker adds one, and --no-trackers leaves the torrent's out")
def _(box):
    own, own_log = tracker(box, "ok", SAMPLE[:1])
    extra, _ = tracker(box, "ok", SAMPLE[1:])
    torrent = small(box, own)
    result = box.weft("peers", "--tracker", extra, torrent.file, expect=0)
    lib.check(sorted(result.out.splitlines()) == SAMPLE, "", result)
    lib.wait_for(lambda: len(requests(own_log)) == 2, 10, "its own tracker has been told both")
    result = box.weft("peers", "--no-trackers", "--tracker", extra, torrent.file, expect=0)
    lib.check(result.out.splitlines() == SAMPLE[1:], "", result)
    lib.check(len(requests(own_log)) == 2, "its own tracker was asked")
    result = box.weft("peers", "--no-trackers", torrent.file, expect=4)
    lib.check("--tracker" in result.err, "", result)


@lib.case("what can't be asked: no torrent, no tracker, a wrong option")
def _(box):
    bare = small(box)
    broken = box.path("broken.torrent")
    with open(broken, "wb") as out:
        out.write(b"d4:infode")
    for command in ("peers", "scrape"):
        result = box.weft(command, bare.file, expect=4)
        lib.check("names no tracker" in result.err, "", result)
        box.weft(command, broken, expect=3)
        box.weft(command, box.path("nothing.torrent"), expect=3)
        box.weft(command, expect=2)
        box.weft(command, "--tracker", "ftp://127.0.0.1/", bare.file, expect=2)


@lib.case("a tracker that knows of nobody has answered")
def _(box):
    result = box.weft("peers", small(box, tracker(box, "ok")[0]).file, expect=0)
    lib.check(result.out == "" and ": 0 peers, " in result.err, "", result)


def scraped(box, *files):
    """A scripted tracker that answers scrapes with these entries; its URL."""
    return box.tracker(lambda query: bencode({"files": dict(files)})).url


@lib.case("scrape: the counts of each tracker are on stdout, what is missing on stderr")
def _(box):
    torrent = small(box)
    mine = (torrent.info_hash, {"complete": 5, "downloaded": 50, "incomplete": 1})
    other = (hashlib.sha1(b"other").digest(), {"complete": 1, "downloaded": 1, "incomplete": 1})
    full = scraped(box, other, mine)
    some = scraped(box, (torrent.info_hash, {"complete": 1}))
    none = scraped(box, other)
    page, _ = tracker(box, "html")
    odd, _ = tracker(box, "ok")
    deaf = full.replace("/announce", "/a")
    torrent.write_torrent(torrent.file, [[full, none], [some], [page, odd, deaf]])
    result = box.weft("scrape", torrent.file, expect=0)
    lib.check(len(result.out.splitlines()) == 2, "not two lines", result)
    lib.check(": 5 seeders, 1 leecher, 50 downloads (" in line_of(result, full, "out"), "", result)
    lib.check(": 1 seeder, ? leechers, ? downloads (" in line_of(result, some, "out"), "", result)
    for url, words in ((none, "refused: it does not know this torrent"),
                       (page, "failed: 127.0.0.1"), (odd, "no tracker's reply"),
                       (deaf, "can't be scraped")):
        lib.check(words in line_of(result, url), words, result)
    document = json.loads(box.weft("scrape", "--json", torrent.file, expect=0).out)
    counts = [(e["url"], e["tier"], e["state"], e["seeders"], e["leechers"], e["downloads"],
               e["min_interval"]) for e in document["trackers"]]
    lib.check(counts == [(full, 1, "answered", 5, 1, 50, None),
                         (none, 1, "refused", None, None, None, None),
                         (some, 2, "answered", 1, None, None, None),
                         (page, 3, "failed", None, None, None, None),
                         (odd, 3, "failed", None, None, None, None),
                         (deaf, 3, "failed", None, None, None, None)], counts)
    lib.check(document["version"] == 1 and document["info_hash"] == torrent.info_hash.hex(), "")


@lib.case("scrape: an answer without any count is exit 4")
def _(box):
    torrent = small(box)
    bare = scraped(box, (torrent.info_hash, {"complete": -5, "name": "x"}))
    torrent.write_torrent(torrent.file, bare)
    result = box.weft("scrape", torrent.file, expect=4)
    lib.check(result.out == "" and "gives no counts" in line_of(result, bare), "", result)
    document = json.loads(box.weft("scrape", "--json", torrent.file, expect=4).out)
    lib.check(document["trackers"][0]["state"] == "failed", "", document)


@lib.case("scrape asks for one torrent, and joins no swarm")
def _(box):
    torrent = small(box)
    asked = box.tracker(lambda query: bencode({"files": {torrent.info_hash: {"complete": 1}}}))
    torrent.write_torrent(torrent.file, asked.url + "?passkey=x")
    box.weft("scrape", torrent.file, expect=0)
    lib.check([sorted(query) for query in asked.queries] == [["info_hash", "ip", "passkey"]],
              asked.queries)
    lib.check(asked.queries[0]["info_hash"] == torrent.info_hash, asked.queries)


@lib.case("a reader that has seen enough, and one that is not there")
def _(box):
    url, _ = tracker(box, "huge", SAMPLE[:1])
    torrent = small(box, url)
    shell = '"%s" peers -q "%s" | head -1; echo ${PIPESTATUS[0]}' % (lib.WEFT, torrent.file)
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    lib.check(done.stdout == SAMPLE[0] + "\n0\n" and done.stderr == "", done)
    with open("/dev/full", "w") as full:
        result = box.start("peers", torrent.file, stdout=full).wait()
    lib.check(result.code == 5, "not exit 5", result)


if __name__ == "__main__":
    lib.main()
