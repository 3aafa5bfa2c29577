"""The contestants of scripts/bench: how each is found, asked for its version, and started.

A client is started with a torrent and an empty directory; it has to leave the payload there under
its own name and end by itself. Encryption, uTP, DHT, peer exchange and local discovery are off,
limits on peers are above what any case has; everything else is as the client comes.
"""

import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
URL = "http://tracker.invalid/announce"  # nobody asks it


class Run:
    """What a client needs to know of the run that it is started for."""

    def __init__(self, case, torrent, out, payload_name, peers, scratch):
        self.case = case
        self.torrent = torrent
        self.out = out                  # an empty directory
        self.payload_name = payload_name
        self.peers = peers              # addresses, for the floor programs
        self.scratch = scratch          # an empty directory for configuration

    @property
    def target(self):
        return os.path.join(self.out, self.payload_name)

    @property
    def made(self):
        """The torrent that the cases of making one write."""
        return os.path.join(self.scratch, "made.torrent")

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.scratch, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path


def first_line(command, pattern):
    """The part of a program's output that matches, or None when there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (FileNotFoundError, PermissionError):
        return None
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "?"


class Client:
    """One contestant. `name` is its row in the tables."""

    name = ""
    floor = False
    loopback = True     # takes peers on the loopback
    kills_itself = False  # ends by SIGKILL from its own hook

    def version(self):
        """Its version, or None when it is not installed."""
        raise NotImplementedError

    def download(self, run):
        """The command that downloads."""
        raise NotImplementedError

    def check(self, run):
        """The command that only checks what is in run.out, or None."""
        return None

    def create(self, run):
        """The command that makes run.made of run.target, on all cores; or None."""
        return None

    def takes_part(self, case):
        """Is the case about something that it does?"""
        does = "download" if case.groups else "create" if case.makes else "check"
        return getattr(type(self), does) is not getattr(Client, does)


class Weft(Client):
    name = "weft"

    def __init__(self, path):
        self.path = path

    def version(self):
        if not os.access(self.path, os.X_OK):
            return None
        return first_line([self.path, "--version"], r"(\d\S*)")

    def download(self, run):
        # More connections than the default where a case has more peers.
        more = ["--max-peers", str(run.case.peers)] if run.case.peers > 200 else []
        return [self.path, "download", "-q", *more, "-o", run.target, run.torrent]

    def check(self, run):
        return [self.path, "verify", "-q", run.torrent, run.target]

    def create(self, run):
        return [self.path, "create", "-q", "--piece-length", str(run.case.piece), "--tracker", URL,
                "-o", run.made, run.target]


class Floor(Client):
    """The floor programs; see floor.c."""

    floor = True

    def __init__(self, lab, name, words):
        self.name = name
        self.lab = lab
        self.words = words

    def version(self):
        return "1"

    def download(self, run):
        return [os.path.join(self.lab, "floor"), "--torrent", run.torrent, "--out", run.target,
                "--peers", run.peers, *self.words]


class Check(Floor):
    """The floor of verification; see check.c."""

    def check(self, run):
        return [os.path.join(self.lab, "check"), "--torrent", run.torrent, "--data", run.target]

    create = check  # the same work, up to the few bytes that are written


class Aria2(Client):
    name = "aria2"
    off = ["--no-conf", "--quiet", "--enable-dht=false", "--enable-dht6=false",
           "--enable-peer-exchange=false", "--bt-enable-lpd=false", "--listen-port=50000"]

    def version(self):
        return first_line(["aria2c", "--version"], r"aria2 version (\S+)")

    def download(self, run):
        return ["aria2c", *self.off, "--seed-time=0", "--file-allocation=none", "--bt-max-peers=0",
                "--bt-request-peer-speed-limit=1000M", "--dir", run.out, run.torrent]

    def check(self, run):
        return ["aria2c", *self.off, "--check-integrity=true", "--hash-check-only=true",
                "--seed-time=0", "--file-allocation=none", "--dir", run.out, run.torrent]


class Rtorrent(Client):
    name = "rtorrent"
    settings = """directory.default.set = %s
network.port_range.set = 50000-50000
dht.mode.set = disable
protocol.pex.set = no
protocol.encryption.set = none
trackers.use_udp.set = no
throttle.max_peers.normal.set = 1200
network.max_open_files.set = 1024
network.max_open_sockets.set = 4000
pieces.hash.on_completion.set = no
system.daemon.set = true
method.set_key = event.download.finished,quit,"system.shutdown.quick="
load.start = %s
"""

    def version(self):
        return first_line(["rtorrent", "-h"], r"version (\S+?)\.?\s")

    def download(self, run):
        settings = self.settings % (run.out, run.torrent)
        if run.case.size // run.case.piece > 32768:
            # It maps every piece by itself, and stalls at the kernel's limit of 65,530 maps.
            settings = "pieces.memory.max.set = 900M\n" + settings
        path = run.write("rtorrent.rc", settings)
        return ["rtorrent", "-n", "-o", "import=" + path]


class Libtorrent(Client):
    name = "libtorrent"
    script = os.path.join(HERE, "race_libtorrent.py")

    def version(self):
        found = first_line([PYTHON, "-c", "import libtorrent; print('v', libtorrent.__version__)"],
                           r"v (\d\S+)")
        return None if found == "?" else found

    def download(self, run):
        return [PYTHON, self.script, run.torrent, run.out]

    def check(self, run):
        return [PYTHON, self.script, "--check", run.torrent, run.out]


class Transmission(Client):
    name = "transmission"
    loopback = False
    kills_itself = True
    settings = """{"peer-limit-global": 1200, "peer-limit-per-torrent": 1200, "dht-enabled": false,
"lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "encryption": 0,
"port-forwarding-enabled": false, "peer-port": 50000}
"""

    def version(self):
        return first_line(["transmission-cli", "--version"], r"transmission-cli (\S+)")

    def download(self, run):
        run.write("settings.json", self.settings)
        # Its regular way out takes seconds; what counts is when the download was done.
        script = run.write("done", "#!/bin/sh\nkill -KILL $PPID\n", 0o755)
        return ["transmission-cli", "--config-dir", run.scratch, "--download-dir", run.out,
                "--encryption-tolerated", "--no-portmap", "--finish", script, run.torrent]

    def create(self, run):
        return ["transmission-create", "-s", str(run.case.piece >> 10), "-t", URL, "-o", run.made,
                run.target]


class Mktorrent(Client):
    name = "mktorrent"

    def version(self):
        return first_line(["mktorrent", "-h"], r"mktorrent (\S+)")

    def create(self, run):
        return ["mktorrent", "-t", str(len(os.sched_getaffinity(0))), "-l",
                str(run.case.piece.bit_length() - 1), "-a", URL, "-o", run.made, run.target]


def all_clients(lab, weft):
    """Everybody, in the order of the tables."""
    return [Weft(weft), Floor(lab, "floor", []), Floor(lab, "floor-1", ["--one-stream"]),
            Floor(lab, "floor-lowat", ["--lowat", "16Ki"]),
            Floor(lab, "floor-even", ["--lowat", "16Ki", "--unit", "14"]),
            Check(lab, "check", []), Libtorrent(), Rtorrent(), Aria2(), Transmission(),
            Mktorrent()]


def environment(scratch):
    """A client's environment: nobody's settings, all files below `scratch`."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": scratch, "LANG": "C.UTF-8",
            "XDG_CONFIG_HOME": scratch, "XDG_CACHE_HOME": scratch, "XDG_DATA_HOME": scratch,
            "TMPDIR": scratch}
