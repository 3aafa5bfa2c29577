#!/usr/bin/python3 -B
"""Goal: the command line itself. Help, wrong usage, torrents that are none, what `info`, `files`
and `verify` print, and where it goes: exit codes as documented, sentences that name the thing, data
on stdout and the rest on stderr, and no byte of a stranger's that a terminal would obey."""

import http.server
import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading

import lib
import peers
from torrents import KIB, bencode

COMMANDS = ("download", "info", "files", "verify", "peers", "scrape")
FILES = [("a/one", 300 * KIB + 1), ("a/b/empty", 0), ("two", 5), (None, 100), ("three", 70 * KIB)]
EVIL = b"evil\x1b]0;owned\x07\x1b[2J\r\n\xe2\x80\xae\xffname"


def run(box, *arguments, code=0, says=(), stdin=None, **rest):
    """Runs weft in the folder of the case; fails unless it ends with `code`, says the words on
    stderr, and keeps control characters to itself. Returns the Result."""
    done = subprocess.run([lib.WEFT] + [os.fspath(a) for a in arguments], cwd=box.folder,
                          input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False, **rest)
    result = lib.Result(done.returncode, done.stdout.decode("utf-8", "replace"),
                        done.stderr.decode("utf-8", "replace"), 0)
    lib.check(result.code == code, "%r: not exit %d" % (arguments, code), result)
    for word in says:
        lib.check(word in result.err, "does not say %r" % word, result)
    for byte in done.stdout + done.stderr:
        lib.check(byte >= 32 and byte != 127 or byte == 10, "control character %#x" % byte, result)
    return result


def shell(box, command, **env):
    """Runs a line of bash, where $weft is weft; its exit code is that of weft."""
    return subprocess.run(["bash", "-c", command], cwd=box.folder, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=60, check=False,
                          env=dict(os.environ, weft=lib.WEFT, **env))


def write(box, name, data):
    """A file in the folder of the case; its path."""
    with open(box.path(name), "wb") as out:
        out.write(data)
    return box.path(name)


def on_terminal(box, *arguments):
    """What weft writes to a terminal of its own, stdout and stderr together, and its exit code."""
    master, slave = pty.openpty()
    process = subprocess.Popen([lib.WEFT] + list(arguments), cwd=box.folder, stdin=slave,
                               stdout=slave, stderr=slave, start_new_session=True,
                               env=dict(os.environ, TERM="xterm"))
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            break
        if not part:
            break
        text += part
    os.close(master)
    return process.wait(60), text


# Help and usage.

@lib.case("-h and --help work on every command, on stdout, within 80 columns")
def _(box):
    texts = [run(box, "-h").out, run(box, "--help").out, run(box, "help").out]
    listed = texts[0].partition("Commands:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  (\w+) ", listed, re.M)
    lib.check(set(COMMANDS) < set(names) and len(names) >= 18, "not all commands", names)
    for name in names:
        short, long = run(box, name, "-h"), run(box, name, "x", "--help", "--nonsense")
        lib.check(short.out == long.out == run(box, "help", name).out, "three different helps")
        lib.check(short.out.startswith("Usage: weft " + name), "no usage", short)
        lib.check(short.err == "", "says something on stderr", short)
        texts.append(short.out)
    for line in "".join(texts).split("\n"):
        lib.check(len(line) <= 80 and line == line.rstrip(), "line: %r" % line)


@lib.case("--version names weft, its SHA-1 engine, OpenSSL and libcurl")
def _(box):
    out = run(box, "--version").out
    lib.check(out.startswith("weft "), out)
    for word in ("SHA-1", "OpenSSL", "libcurl"):
        lib.check(word in out, "lacks " + word, out)


@lib.case("wrong usage is exit 2 and one sentence on stderr")
def _(box):
    box.torrent(100)
    torrent = next(n for n in os.listdir(box.folder) if n.endswith(".torrent"))
    for arguments, words in (
            ((), ("Usage:", "weft -h")),
            (("verfy", "x"), ("did you mean 'weft verify'",)),
            (("frobnicate",), ("neither a command nor a file",)),
            (("",), ("neither a command",)),
            (("help", "frobnicate"), ("no command 'frobnicate'",)),
            (("help", "verfy"), ("did you mean 'weft verify'",)),
            (("info",), ("needs a TORRENT", "weft info -h")),
            (("info", torrent, "more"), ("one argument too many",)),
            (("info", "--max-peers", "5", torrent), ("no option of 'weft info'",)),
            (("--max-peers", "0", torrent), ("from 1 to 10000",)),
            (("download", "--max-peer", "5", torrent), ("did you mean --max-peers",)),
            (("download", torrent, "-o"), ("needs a value",)),
            (("download", torrent, "here", "-o", "there"), ("given twice",)),
            (("download", torrent, "--memory", "1K"), ("at least 4M",)),
            (("download", torrent, "--timeout", "soon"), ("takes a time",)),
            (("download", torrent, "--peer", "somebody"), ("takes an address",)),
            (("download", torrent, "--tracker", "file:///x"), ("takes a URL",)),
            (("download", torrent, "--json=yes"), ("takes no value",))):
        result = run(box, *arguments, code=2, says=words)
        lib.check(result.out == "", "writes to stdout", result)
        lib.check(not arguments or result.err.count("\n") == 1, "not one sentence", result)


@lib.case("escape sequences in arguments come back harmless")
def _(box):
    for arguments in (["\x1b[2J"], ["info", "--\x1b]0;x\x07"], ["info", "\x1b[2J.torrent"],
                      ["download", "--peer", "\x1b[2J", "x"],
                      ["info", "--log-file", "/\x1b/", "x"]):
        result = subprocess.run([lib.WEFT] + arguments, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=60, check=False)
        lib.check(b"\x1b" not in result.stdout + result.stderr, repr(result.stderr))
        lib.check(b"\\x1b" in result.stderr, "does not name it", repr(result.stderr))


# Torrents that are none.

@lib.case("a TORRENT that is none is exit 3, with the reason, on every command")
def _(box):
    good = bencode({"info": {"name": "x", "piece length": 16384, "length": 5,
                             "pieces": b"x" * 20}})
    for content, words in (
            (b"", ("is empty",)),
            (b"<!DOCTYPE html><html>", ("a web page",)),
            (b"\x1f\x8b\x08\x00", ("gunzip",)),
            (b"hello", ("begins with the letter d",)),
            (b"de", ("info",)),
            (good[:-3], ("at byte",)),
            (good.replace(b"i16384e", b"i0e"), ("info.piece length",)),
            (good.replace(b"i16384e", b"i-1e"), ("info.piece length",)),
            (good.replace(b"20:" + b"x" * 20, b"19:" + b"x" * 19), ("info.pieces",)),
            (good.replace(b"1:x", b"1:x4:name1:y"), ("name",)),
            (good.replace(b"i5e", b"i99999999999999999999e"), ("info.length",))):
        path = write(box, "bad.torrent", content)
        for command in COMMANDS:
            result = run(box, command, path, code=3, says=words + ("bad.torrent",))
            lib.check(result.out == "" and result.err.count("\n") == 1, "not one sentence", result)


@lib.case("a version 2 torrent is refused with a clear sentence")
def _(box):
    info = {"name": "x", "piece length": 16384, "meta version": 2,
            "file tree": {"x": {"": {"length": 5, "pieces root": b"r" * 32}}}}
    run(box, "info", write(box, "v2.torrent", bencode({"info": info, "piece layers": {}})), code=3,
        says=("unsupported torrent",))


@lib.case("files that are not there, folders, and endless ones are exit 3")
def _(box):
    for command in [()] + [(command,) for command in COMMANDS]:
        run(box, *command, "missing.torrent", code=3,
            says=("there is no file 'missing.torrent'",))
    run(box, "info", ".", code=3, says=("is a folder",))
    run(box, "info", "/dev/zero", code=3, says=("longer than 64 MiB",))
    run(box, "info", "magnet:?xt=urn:btih:" + "a" * 40, code=3, says=("not supported yet",))
    run(box, "info", "a" * 40, code=3, says=("not supported yet",))
    run(box, "a" * 40, code=3, says=("not supported yet",))


@lib.case("a torrent may come from standard input")
def _(box):
    torrent = box.torrent(100 * KIB)
    with open(torrent.file, "rb") as source:
        data = source.read()
    lib.check(run(box, "info", "-", stdin=data).out == run(box, "info", torrent.file).out,
              "differs from the file")
    run(box, "info", "-", stdin=b"", code=3, says=("standard input is empty",))
    run(box, "info", "-", stdin=b"x" * (65 << 20), code=3, says=("longer than 64 MiB",))
    code, text = on_terminal(box, "info", "-")
    lib.check(code == 2 and b"weft - < x.torrent" in text, repr(text))


class Site(http.server.BaseHTTPRequestHandler):
    """Serves /x.torrent, a login page, and refusals."""
    data = b""

    def do_GET(self):  # pylint: disable=invalid-name
        """Answers by the path."""
        status = {"/x.torrent": 200, "/page": 200, "/403": 403, "/500": 500}.get(self.path, 404)
        body = self.data if self.path == "/x.torrent" else b"<html>log in</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Says nothing."""


@lib.case("a torrent may come from a URL; exit 4 if it can't be fetched")
def _(box):
    torrent = box.torrent(100 * KIB)
    with open(torrent.file, "rb") as source:
        Site.data = source.read()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    box.closers.append(server.shutdown)
    base = "http://127.0.0.1:%d" % server.server_port
    lib.check(run(box, "info", base + "/x.torrent").out == run(box, "info", torrent.file).out,
              "differs from the file")
    run(box, "info", base + "/nothing", code=4, says=("404", "check the URL"))
    run(box, "info", base + "/403", code=4, says=("403", "login"))
    run(box, "info", base + "/500", code=4, says=("500", "try again later"))
    run(box, "info", base + "/page", code=3, says=("a web page",))
    run(box, "info", "http://127.0.0.1:%d/x" % lib.free_port(), code=4, says=("can't be fetched",))
    result = run(box, "download", "--json", base + "/404", code=4)
    events = result.events()
    lib.check([e["event"] for e in events] == ["hello", "done"] and events[1]["exit_code"] == 4,
              "no done event", result)


# info and files.

@lib.case("info prints the lines of the exercise first, in their order")
def _(box):
    torrent = box.torrent(92063, tracker="http://127.0.0.1:1/announce", piece_length=32 * KIB)
    lines = run(box, "info", torrent.file).out.split("\n")
    lib.check(lines[:8] == ["Tracker URL: http://127.0.0.1:1/announce", "Length: 92063",
                            "Info Hash: " + torrent.info_hash.hex(), "Piece Length: 32768",
                            "Piece Hashes:"] + [p.hex() for p in torrent.pieces], lines)


@lib.case("info lists up to 64 hashes, more with --pieces")
def _(box):
    small = box.torrent(64 * 16 * KIB, piece_length=16 * KIB)
    large = box.torrent(64 * 16 * KIB + 1, piece_length=16 * KIB)
    for torrent, options, listed in ((small, (), True), (large, (), False),
                                     (large, ("--pieces",), True)):
        out = run(box, "info", *options, torrent.file).out
        block = "Piece Hashes:\n" + "".join(p.hex() + "\n" for p in torrent.pieces)
        lib.check((block in out) == listed, "wrong list", out)
    lib.check("Piece Hashes: 65 (--pieces" in run(box, "info", large.file).out, "no count")


@lib.case("info and files say everything, as text and as JSON")
def _(box):
    tiers = [["http://t1/announce", "http://t2/announce"], ["udp://t3:80"]]
    torrent = box.torrent(FILES, piece_length=32 * KIB, tracker=tiers, name="several", extra={
        "comment": "a comment", "created by": "somebody", "creation date": 1700000000,
        "url-list": ["http://web/"], "nodes": [["router.example", 6881]]})
    out = run(box, "info", torrent.file).out
    for line in ("Tracker URL: http://t1/announce", "Name: several", "Comment: a comment",
                 "Created by: somebody", "Created: 2023-11-14 22:13:20 UTC", "Private: yes",
                 "Trackers:\n  tier 1: http://t1/announce\n          http://t2/announce\n"
                 "  tier 2: udp://t3:80\n", "Web seeds:\n  http://web/\n",
                 "DHT nodes:\n  router.example port 6881\n", "in 4 files"):
        lib.check(line in out, "lacks %r" % line, out)
    listed = [line.split(None, 1) for line in run(box, "files", torrent.file).out.splitlines()]
    wanted = [[str(f.length), "several/" + b"/".join(f.path).decode()]
              for f in torrent.files if not f.padding]
    lib.check(listed == wanted, listed, wanted)
    info = json.loads(run(box, "info", "--json", torrent.file).out)
    lib.check(info["version"] == 1 and info["name"] == "several", info)
    lib.check(info["trackers"] == tiers, info)
    lib.check(info["info_hash"] == torrent.info_hash.hex() and info["private"] is True, info)
    lib.check(info["piece_hashes"] == [p.hex() for p in torrent.pieces], "hashes differ", info)
    lib.check(info["length"] == sum(f.length for f in torrent.files if not f.padding), info)
    files = json.loads(run(box, "files", "--json", torrent.file).out)["files"]
    lib.check(files == info["files"], "files and info differ", files)
    lib.check([(f["path"][1:], f["length"], f["offset"], f["padding"]) for f in files] ==
              [([p.decode() for p in f.path], f.length, f.offset, f.padding)
               for f in torrent.files], files)


@lib.case("hostile names are shown harmlessly and survive JSON byte for byte")
def _(box):
    torrent = box.torrent([([EVIL, b"..", b"x"], 5), ([b"\xc0\xae", b"a\x00b"], 7)], name=EVIL,
                          piece_length=16 * KIB, extra={"comment": EVIL, "created by": EVIL})
    for command in ("info", "files"):
        out = run(box, command, torrent.file).out
        lib.check("evil\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x0a\\u{202e}\\xffname" in out, out)
        document = json.loads(run(box, command, "--json", torrent.file).out)
        name = lib.json_bytes(document["name"])
        lib.check(name == EVIL, "another name", name)
        path = lib.json_bytes(document["files"][0]["path"][1])
        lib.check(path == EVIL, "another path", path)
    result = run(box, "--json", "--no-trackers", "--timeout", "1s", torrent.file, code=4)
    events = [json.loads(line) for line in result.out.splitlines()]
    names = [lib.json_bytes(e["name"]) for e in events if e["event"] == "metadata"]
    lib.check(names == [EVIL], names, result)
    with open(os.path.join(os.fsencode(box.folder), b"hex:caf\xe9"), "wb") as out:
        out.write(b"data")
    made = run(box, "create", "--json", "--dry-run", os.fsdecode(b"hex:caf\xe9")).out
    lib.check(lib.json_bytes(json.loads(made)["name"]) == b"hex:caf\xe9", made)
    run(box, "verify", torrent.file, code=8)
    code, text = on_terminal(box, "info", torrent.file)
    lib.check(code == 0 and b"\x1b" not in text, repr(text))


# verify.

def verify(box, torrent, *arguments, code):
    """`weft verify`; the lines, and the document of --json as {path: file}."""
    result = run(box, "verify", *arguments, torrent.file, box.downloads, code=code)
    document = json.loads(run(box, "verify", "--json", torrent.file, box.downloads, code=code).out)
    lib.check(document["ok"] == (code == 0), "ok is wrong", document)
    quiet = run(box, "verify", "-q", torrent.file, box.downloads, code=code)
    lib.check(quiet.out == "" and quiet.err == "", "-q is not quiet", quiet)
    top = os.path.join(box.downloads, torrent.name.decode()) + "/"
    return result.out, {f["path"].replace(top, ""): f for f in document["files"]}


@lib.case("verify: everything matches")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    out, files = verify(box, torrent, code=0)
    lib.check(out.count("\n") == 1 and "everything matches" in out, out)
    lib.check({f["state"] for f in files.values()} == {"ok"}, files)
    lib.check(torrent.difference(box.downloads) is None, "something was changed")


@lib.case("verify: a changed byte is found, with the range of its piece")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    with open(os.path.join(box.downloads, "payload", "a", "one"), "r+b") as damaged:
        damaged.seek(100000)
        damaged.write(bytes([torrent.data[100000] ^ 1]))
    out, files = verify(box, torrent, code=8)
    lib.check("a/one: bytes 98304 to 131071\n" in out, out)
    lib.check(files["a/one"]["bad"] == [[98304, 131071]], files)
    lib.check(files["a/one"]["state"] == "bad", files)
    lib.check(files["two"]["state"] == files["three"]["state"] == "ok", files)


@lib.case("verify: missing, short, long and empty files, and their innocent neighbours")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    top = os.path.join(box.downloads, "payload")
    os.remove(os.path.join(top, "two"))
    os.remove(os.path.join(top, "a", "b", "empty"))
    with open(os.path.join(top, "three"), "ab") as longer:
        longer.write(b"more")
    out, files = verify(box, torrent, code=8)
    states = {path: f["state"] for path, f in files.items()}
    lib.check(states == {"a/one": "unchecked", "a/b/empty": "missing", "two": "missing",
                         "three": "long"}, states)
    lib.check(files["a/one"]["bad"] == [] and files["a/one"]["unchecked"] == [[294912, 307200]],
              files)
    lib.check("three: 4 bytes too many" in out and "2 missing" in out, out)
    torrent.write_data(box.downloads)
    os.truncate(os.path.join(top, "three"), 1000)
    out, files = verify(box, torrent, code=8)
    lib.check("three: 1000 of 71680 bytes are there" in out, out)
    lib.check(files["three"]["state"] == "short", files)


@lib.case("verify: a link or a folder in the place of a file is named")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    top = os.path.join(box.downloads, "payload")
    os.remove(os.path.join(top, "three"))
    os.symlink("/etc/passwd", os.path.join(top, "three"))
    out, files = verify(box, torrent, code=8)
    lib.check("blocked" in out and "Move it away" in out, out)
    lib.check(files["three"]["state"] == "blocked", files)


@lib.case("verify: what it advises is what download then does")
def _(box):
    torrent = box.torrent(300 * KIB, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    path = os.path.join(box.downloads, "payload")
    with open(path, "r+b") as damaged:
        damaged.write(b"rotten")
    out, _ = verify(box, torrent, code=8)
    lib.check("'weft download' with the same arguments mends that" in out, out)
    box.download(torrent, peers=[box.peer(peers.Peer, torrent)], expect=0)
    verify(box, torrent, code=0)
    with open(path, "wb") as foreign:
        foreign.write(b"my own letter\n" * 20000)
    out, _ = verify(box, torrent, code=8)
    lib.check("change nothing as long as %s is" % path in out and "--overwrite" in out, out)
    peer = box.peer(peers.Peer, torrent)
    box.download(torrent, peers=[peer], expect=5)
    box.download(torrent, "--overwrite", peers=[peer], expect=0)
    verify(box, torrent, code=0)


@lib.case("verify: PATH is the place or the name, as in download; nothing there is exit 8")
def _(box):
    torrent = box.torrent(100 * KIB, name="one.bin")
    torrent.write_data(box.downloads)
    name = os.path.join(box.downloads, "one.bin")
    for arguments in (["-o", box.downloads], ["-o", name], [name], [box.downloads + "/"]):
        run(box, "verify", torrent.file, *arguments)
    out = run(box, "verify", torrent.file, code=8).out
    lib.check("missing" in out and "is PATH right?" in out, out)
    run(box, "verify", torrent.file, box.path("no", "such", "folder") + "/", code=5)


def hears_and_reads(pid, name):
    """Does a process take SIGINT itself, and has it a file of that name open?"""
    folder = "/proc/%d/fd" % pid
    with open("/proc/%d/status" % pid) as text:
        blocked = int(re.search(r"SigBlk:\s*(\w+)", text.read()).group(1), 16)
    return blocked >> signal.SIGINT - 1 & 1 and any(
        os.path.basename(os.path.realpath(os.path.join(folder, fd))) == name
        for fd in os.listdir(folder))


def start_long_verify(box, prefix=()):
    """A verify of 64 GiB of holes, which takes a while; returns when it is at work."""
    info = {"name": "holes", "piece length": 16 << 20, "length": 64 << 30,
            "pieces": b"x" * 20 * 4096}
    torrent = write(box, "holes.torrent", bencode({"info": info}))
    with open(os.path.join(box.downloads, "holes"), "wb") as holes:
        holes.truncate(64 << 30)
    running = box.start("verify", torrent, box.downloads, prefix=prefix)
    lib.wait_for(lambda: hears_and_reads(running.process.pid, "holes"), 30, "the check", running)
    return running


@lib.case("verify: Ctrl-C ends it with 130, SIGTERM with 143, and it says so")
def _(box):
    for number, code, word in ((signal.SIGINT, 130, "interrupted"),
                               (signal.SIGTERM, 143, "terminated"),
                               (signal.SIGHUP, 143, "terminated")):
        running = start_long_verify(box)
        running.signal(number)
        result = running.wait(20)
        lib.check(result.code == code and word in result.err and result.out == "",
                  "signal %d" % number, result)


@lib.case("verify: under nohup, SIGHUP is ignored")
def _(box):
    running = start_long_verify(box, prefix=["nohup"])
    running.signal(signal.SIGHUP)
    running.signal(signal.SIGINT)
    running.wait(20, expect=130)


@lib.case("Ctrl-C ends what waits for its torrent at once")
def _(box):
    os.mkfifo(box.path("fifo"))
    for command in COMMANDS:
        running = box.start(command, box.path("fifo"))
        with open(box.path("fifo"), "wb"):  # waits until weft has opened it too
            running.signal(signal.SIGINT)
            result = running.wait(20, expect=130)
        lib.check("interrupted" in result.err, "no words", result)


@lib.case("Ctrl-C while a URL is fetched is exit 130, with words and a done event")
def _(box):
    silent = socket.create_server(("127.0.0.1", 0))
    url = "http://127.0.0.1:%d/x.torrent" % silent.getsockname()[1]
    for number, code, word in ((signal.SIGINT, 130, "interrupted"),
                               (signal.SIGTERM, 143, "terminated")):
        running = box.start("download", "--json", url)
        connection = silent.accept()[0]
        running.signal(number)
        result = running.wait(20, expect=code)
        connection.close()
        lib.check(word in result.err, "no words", result)
        lib.check(result.events()[-1]["exit_code"] == code, "no done event", result)


@lib.case("a pipe that stays silent is given up after --timeout")
def _(box):
    os.mkfifo(box.path("fifo"))
    run(box, "download", box.path("fifo"), "--timeout", "1", code=4, says=("--timeout",))
    silent = shell(box, "exec 3<>fifo; $weft info - --timeout 1 <&3")
    lib.check(silent.returncode == 4 and "--timeout" in silent.stderr, silent.stderr)


# Where the output goes.

@lib.case("a reader that has seen enough is no error")
def _(box):
    torrent = box.torrent(4000 * 16 * KIB, piece_length=16 * KIB)
    for command in ("info --pieces", "files", "info --json"):
        done = shell(box, '"$weft" %s "%s" | head -1 >/dev/null; exit ${PIPESTATUS[0]}'
                     % (command, torrent.file))
        lib.check(done.returncode == 0 and done.stderr == "", command, done.stderr)


@lib.case("output that can't be written is exit 5 and says why")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    torrent.write_data(box.downloads)
    for command in ("info", "files", "info --json", "verify", "-h", "info -h"):
        rest = "" if "-h" in command else '"%s"' % torrent.file
        rest += ' "%s"' % box.downloads if command == "verify" else ""
        full = shell(box, '"$weft" %s %s > /dev/full' % (command, rest))
        lib.check(full.returncode == 5 and "No space left" in full.stderr, command, full.stderr)
        shut = shell(box, '"$weft" %s %s >&-' % (command, rest))
        lib.check(shut.returncode == 5 and "could not be written" in shut.stderr, command,
                  shut.stderr)
        # Nothing but the exit code can tell when stderr is closed too.
        silent = shell(box, '"$weft" %s %s >&- 2>&- <&-' % (command, rest))
        lib.check(silent.returncode == 5, command)


@lib.case("the log goes to its file, and a log file that can't be written is exit 5")
def _(box):
    run(box, "info", "--log-file", "log", "missing.torrent", code=3)
    with open(box.path("log")) as text:
        lib.check("there is no file" in text.read(), "nothing in the log")
    run(box, "info", "--log-file", "/no/such/log", "missing.torrent", code=5, says=("log file",))


@lib.case("info writes the same to a terminal as to a pipe")
def _(box):
    torrent = box.torrent(FILES, piece_length=32 * KIB)
    code, text = on_terminal(box, "info", torrent.file)
    lib.check(code == 0 and text.replace(b"\r\n", b"\n").decode() ==
              run(box, "info", torrent.file).out, repr(text))


@lib.case("a closed standard output never becomes part of a file")
def _(box):
    torrent = box.torrent(100 * KIB, name="one.bin")
    torrent.write_data(box.downloads)
    done = shell(box, '"$weft" verify "%s" "%s" >&- 2>&- <&-' % (torrent.file, box.downloads))
    lib.check(done.returncode == 5, "exit %d" % done.returncode)
    lib.check(torrent.difference(box.downloads) is None, "the data were changed")


if __name__ == "__main__":
    lib.main()
