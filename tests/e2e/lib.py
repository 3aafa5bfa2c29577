"""The harness of the end-to-end scenarios.

A scenario is a file NN_name.py that opens with its goal, defines cases and ends with lib.main():

    @lib.case("a single file arrives from libtorrent")
    def _(box):
        torrent = box.torrent(1 * MIB)
        ...

Each case gets a Box: a folder of its own, and the means to start seeders, trackers, scripted peers
and weft. Whatever was started is ended by its process id, and the folder removed, when the case is
over, however it ended. main() prints TAP, one line for each case.

Where the system allows it, a scenario runs in namespaces of its own (network, processes,
mounts): no port is ever taken, nothing leaves the machine, and the kernel ends every process
with the first one. Elsewhere it runs on the machine's loopback.

    tests/e2e/NN_name.py [TEXT]     runs the cases with TEXT in their name; WEFT names the program
"""

import contextlib
import ctypes
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

import peers
import trackers
from torrents import Torrent, bencode

HERE = os.path.dirname(os.path.abspath(__file__))
WEFT = os.path.abspath(os.environ.get("WEFT", os.path.join(HERE, "..", "..", "build", "weft")))
KIND = os.environ.get("WEFT_BUILD_KIND", "e2e")  # asan, threads: a sanitizer is in it
SANITIZER_EXIT = 99
CASE_SECONDS = 120
INSIDE = "WEFT_E2E_INSIDE"  # set once we are in our own namespaces

# For a weft under strace: LeakSanitizer cannot work while another tracer is at it.
TRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}

cases = []


class Skip(Exception):
    """This machine does not allow what the case needs."""


def case(sentence):
    """Registers a case under the sentence that it proves."""
    def register(function):
        cases.append((sentence, function))
        return function
    return register


def check(condition, text, *details):
    """Fails the case with `text` unless the condition holds."""
    if not condition:
        raise AssertionError("\n".join([text] + [str(d) for d in details]))


def json_bytes(text):
    """A string of our JSON as the bytes that it stands for; fails for a lone surrogate."""
    if text.startswith("hex:"):
        check(re.fullmatch("(?:[0-9a-f]{2})*", text[4:]) is not None, text)
        return bytes.fromhex(text[4:])
    return text.encode("utf-8")


def free_port(address="127.0.0.1"):
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def unread(pipe):
    """How many bytes lie in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


class Result:
    """How one run of weft ended."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __str__(self):
        return "exit %s after %.1f s\n--- stdout\n%s\n--- stderr\n%s" % (
            self.code, self.seconds, self.out[-3000:], self.err[-6000:])

    def events(self, kind=None):
        """The events of --json, all or those of one kind."""
        found = [json.loads(text) for text in self.out.splitlines()]
        return [e for e in found if kind is None or e.get("event") == kind]


class Running:
    """A weft that runs; its outputs go to files, so that no pipe ever fills."""

    def __init__(self, box, argv, cwd, env, stdout=None):
        self.started = time.monotonic()
        self.out = open(box.path("out.%d" % box.number()), "w+b")
        self.err = open(box.path("err.%d" % box.number()), "w+b")
        self.process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                                        stdout=stdout or self.out, stderr=self.err,
                                        start_new_session=True, preexec_fn=die_with_parent)
        box.processes.append(self.process)

    def signal(self, number):
        """Sends a signal to weft alone."""
        self.process.send_signal(number)

    def kill(self):
        """kill -9, and waits until it is gone."""
        self.process.kill()
        self.process.wait()

    def running(self):
        """True until it has ended."""
        return self.process.poll() is None

    def error_text(self):
        """What it has written to stderr until now."""
        self.err.flush()
        with open(self.err.name, "rb") as text:
            return text.read().decode("utf-8", "replace")

    def wait(self, timeout=60, expect=None):
        """The Result; a program that hangs fails the case, and shows where it hangs. With `expect`
        a different exit code fails it."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            stacks = threads_of(self.process.pid)
            self.process.kill()
            self.process.wait()
            raise AssertionError("weft hangs after %d s\n%s\n%s"
                                 % (timeout, stacks, self.error_text()[-6000:])) from None
        seconds = time.monotonic() - self.started
        texts = []
        for stream in (self.out, self.err):
            with open(stream.name, "rb") as text:
                texts.append(text.read().decode("utf-8", "replace"))
        result = Result(self.process.returncode, texts[0], texts[1], seconds)
        sanitizer = re.search(r"(?:ERROR|WARNING|SUMMARY): \w+Sanitizer|runtime error:", texts[1])
        check(result.code != SANITIZER_EXIT and not sanitizer, "a sanitizer found something",
              result)
        check(expect is None or result.code == expect,
              "%s: not exit %s" % (" ".join(map(str, self.process.args)), expect), result)
        return result


def threads_of(pid):
    """Where each thread of a process waits in the kernel, one line each."""
    lines = []
    for folder in sorted(glob.glob("/proc/%d/task/*" % pid)):
        with contextlib.suppress(OSError):
            texts = []
            for name in ("comm", "wchan", "syscall"):
                with open(os.path.join(folder, name)) as text:
                    texts.append(text.read().strip())
            lines.append(" ".join(texts))
    return "\n".join(lines)


def die_with_parent():
    """Between fork and exec: the child ends when this process does."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Box:
    """The surroundings of one case."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weft-e2e-", dir=scratch())
        self.processes = []
        self.closers = []
        self.numbers = 0
        self.overdue = False
        self.downloads = self.path("downloads")
        os.mkdir(self.downloads)

    def number(self):
        """A number that was not there before."""
        self.numbers += 1
        return self.numbers

    def path(self, *names):
        """A path in the folder of this case."""
        return os.path.join(self.folder, *names)

    def close(self):
        """Ends everything and removes the folder."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
        for closer in self.closers:
            closer()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What is offered.

    def torrent(self, files, tracker=None, extra=None, **rest):
        """A Torrent, with its .torrent written and its data in place for seeders; its attribute
        `file` is the path of the .torrent, `seeds` the folder with the data."""
        torrent = Torrent(files, **rest)
        torrent.file = self.path("torrent.%d.torrent" % self.number())
        torrent.write_torrent(torrent.file, tracker, **(extra or {}))
        torrent.seeds = self.path("seeds.%d" % self.number())
        os.mkdir(torrent.seeds)
        return torrent

    def spawn(self, argv, ready=None, timeout=30, **rest):
        """Starts a program that runs until the case is over. `ready`: a text on its output to wait
        for."""
        log = open(self.path("log.%d" % self.number()), "w+b")
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   preexec_fn=die_with_parent, **rest)
        self.processes.append(process)
        deadline = time.monotonic() + timeout
        while ready:
            with open(log.name, "rb") as text:
                output = text.read()
            if ready.encode() in output:
                break
            check(process.poll() is None and time.monotonic() < deadline,
                  "%s did not start" % argv[0], output.decode("utf-8", "replace"))
            time.sleep(0.02)
        return process

    def wait_port(self, process, address, port, timeout=30):
        """Waits until a program listens."""
        deadline = time.monotonic() + timeout
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((address, port)) == 0:
                    return
            check(process.poll() is None and time.monotonic() < deadline,
                  "%s does not listen" % (process.args[0],))
            time.sleep(0.02)

    def libtorrent(self, torrent, limit=0, address=None):
        """A libtorrent seeder; its address as IP:PORT. `limit` in bytes per second."""
        torrent.write_data(torrent.seeds)
        address = address or "127.0.0.%d" % next(peers.addresses)
        port = free_port(address)
        self.spawn(["/usr/bin/python3", os.path.join(HERE, "seed_libtorrent.py"), torrent.file,
                    torrent.seeds, address, str(port), str(limit)], ready="ready")
        return "%s:%d" % (address, port)

    def aria2(self, torrent, limit=0, tracker=None):
        """An aria2 seeder on 127.0.0.1; its address."""
        torrent.write_data(torrent.seeds)
        port = free_port()
        process = self.spawn(
            ["aria2c", "--no-conf", "--dir=" + torrent.seeds, "--check-integrity=true",
             "--seed-ratio=0.0", "--listen-port=%d" % port, "--enable-dht=false",
             "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--follow-torrent=mem",
             "--file-allocation=none", "--allow-overwrite=true", "--console-log-level=warn",
             "--summary-interval=0", "--max-upload-limit=%d" % limit, "--interface=127.0.0.1",
             torrent.file])
        self.wait_port(process, "127.0.0.1", port)
        return "127.0.0.1:%d" % port

    def opentracker(self, *torrents):
        """opentracker, willing to serve these torrents; its announce URL. Debian's build serves
        only what its whitelist names."""
        port = free_port()
        folder = self.path("tracker.%d" % self.number())
        os.mkdir(folder)
        os.chmod(self.folder, 0o755)
        with open(os.path.join(folder, "whitelist"), "w") as out:
            out.write("".join(t.info_hash.hex() + "\n" for t in torrents))
        # It refuses to run as root. A root of the whole machine becomes nobody in a chroot; one of
        # a user namespace has nobody to become: a namespace that maps no user at all has to do.
        with open("/proc/self/uid_map") as text:
            whole = os.geteuid() == 0 and text.read().split()[2] == "4294967295"
        before = [] if whole or os.geteuid() != 0 else ["unshare", "--user"]
        process = self.spawn(before + ["opentracker", "-i", "127.0.0.1", "-p", str(port), "-P",
                                       str(port), "-d", folder, "-u", "nobody", "-w",
                                       "whitelist" if whole else os.path.join(folder, "whitelist")])
        self.wait_port(process, "127.0.0.1", port)
        return "http://127.0.0.1:%d/announce" % port

    def tracker(self, answer, torrent=None):
        """A scripted tracker (see trackers.py); the .torrent names it from now on."""
        tracker = trackers.ScriptedTracker(answer)
        self.closers.append(tracker.close)
        if torrent:
            torrent.write_torrent(torrent.file, tracker.url)
        return tracker

    def peer(self, kind, torrent, *arguments, **rest):
        """A scripted peer of the given class of peers.py."""
        peer = kind(torrent, *arguments, **rest)
        self.closers.append(peer.close)
        return peer

    def start(self, *arguments, env=None, cwd=None, prefix=(), stdout=None):
        """Starts weft with these arguments; returns a Running. `prefix`: a command in front."""
        argv = list(prefix) + [WEFT] + [os.fspath(a) for a in arguments]
        return Running(self, argv, cwd or self.folder, dict(os.environ, **(env or {})), stdout)

    def weft(self, *arguments, timeout=60, expect=None, **rest):
        """Runs weft to its end. With `expect` a different exit code fails the case."""
        return self.start(*arguments, **rest).wait(timeout, expect)

    def download(self, torrent, *arguments, peers=(), output=None, **rest):
        """`weft download` into the folder of downloads, from these peers only (no trackers)."""
        named = [part for peer in peers for part in ("--peer", str(peer))]
        return self.weft("download", "-o", output or self.downloads + "/", "--no-trackers", *named,
                         *arguments, torrent.file, **rest)

    def start_download(self, torrent, *arguments, peers=(), output=None, **rest):
        """The same, but returns as soon as it runs."""
        named = [part for peer in peers for part in ("--peer", str(peer))]
        return self.start("download", "-o", output or self.downloads + "/", "--no-trackers",
                          *named, *arguments, torrent.file, **rest)

    def interrupted(self, torrent, rate, served, number=signal.SIGINT, expect=130, output=None):
        """A download at `rate` bytes per second that gets a signal once so many bytes have been
        sent; (Result, bytes sent)."""
        peer = self.peer(peers.Slow, torrent, rate)
        running = self.start_download(torrent, peers=[peer], output=output)
        wait_for(lambda: peer.served > served, 60, "%d bytes" % served, running)
        running.signal(number)
        result = running.wait(30, expect)
        peer.close()
        return result, peer.served

    def compare(self, torrent, folder=None, top=None):
        """Fails unless the download is complete, the same, and alone in its folder."""
        difference = torrent.difference(folder or self.downloads, top)
        check(difference is None, difference)

    def listing(self, folder=None):
        """The names in a folder of downloads, hidden ones too, sorted."""
        return sorted(os.listdir(folder or self.downloads))


def info_hash(info):
    """The info hash of an info dictionary."""
    return hashlib.sha1(bencode(info)).digest()


def scratch():
    """Where the folders of the cases go: memory if there is enough of it."""
    chosen = os.environ.get("WEFT_SCRATCH") or os.environ.get("TMPDIR")
    if chosen:
        return chosen
    try:
        space = os.statvfs("/dev/shm")
        if os.access("/dev/shm", os.W_OK) and space.f_bavail * space.f_frsize > 1 << 29:
            return "/dev/shm"
    except OSError:
        pass
    return "/tmp"


def wait_for(condition, timeout, text, running=None):
    """Waits until `condition()` holds; fails the case if it takes longer than `timeout` s, or if
    `running` ends meanwhile."""
    deadline = time.monotonic() + timeout
    while not condition():
        if running and not running.running():
            raise AssertionError("ended before this: %s\n%s" % (text, running.wait()))
        check(time.monotonic() < deadline, "waited %s s in vain: %s" % (timeout, text),
              running.error_text() if running else "")
        time.sleep(0.01)


def needs_namespaces():
    """Skips the case where we may not have namespaces (and so no mounts) of our own."""
    if not os.environ.get(INSIDE):
        raise Skip("needs mount and network namespaces, which this machine does not allow")


def needs_program(name):
    """Skips the case where a program is missing."""
    if not shutil.which(name):
        raise Skip("needs " + name)


def enter_namespaces():
    """Starts this scenario again in namespaces of its own, if that is possible."""
    if os.environ.get(INSIDE) is not None:
        return
    command = ["unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        command.append("--map-root-user")
    # In a chroot the root is no mount point, and its propagation cannot be changed.
    for variant in (command, command + ["--propagation", "unchanged"]):
        if subprocess.run(variant + ["true"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(variant[0], variant + [sys.executable, "-B"] + sys.argv)
    os.environ[INSIDE] = ""


def loopback_up():
    """Brings the loopback interface of a new network namespace up (SIOCSIFFLAGS, IFF_UP)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", 1))


def run_case(number, sentence, function):
    """Runs one case and prints its TAP line; True if it did not fail."""
    box = Box()
    watchdog = threading.Timer(CASE_SECONDS, overdue, (number, sentence, box))
    watchdog.daemon = True
    watchdog.start()
    problem = None
    try:
        function(box)
        verdict = "ok %d - %s" % (number, sentence)
    except Skip as why:
        verdict = "ok %d - %s # SKIP %s" % (number, sentence, why)
    except AssertionError as error:
        problem = str(error) or traceback.format_exc()
    except Exception:  # pylint: disable=broad-except
        problem = traceback.format_exc()
    finally:
        watchdog.cancel()
        if box.overdue:
            threading.Event().wait()  # the watchdog ends us
        box.close()
    if problem is not None:
        verdict = "not ok %d - %s" % (number, sentence)
        print("".join("# %s\n" % line for line in problem.split("\n")), end="")
    print(verdict, flush=True)
    return problem is None


def overdue(number, sentence, box):
    """The watchdog: says so and ends everything."""
    box.overdue = True
    print("# ran longer than %d s\nnot ok %d - %s" % (CASE_SECONDS, number, sentence), flush=True)
    for process in list(box.processes):
        process.kill()
    shutil.rmtree(box.folder, ignore_errors=True)
    os._exit(1)


def hear_signals():
    """Programs started in the background, or under nohup, ignore some signals, and hand that down;
    what we start shall hear them all."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def main():
    """Runs the cases of the scenario and ends the program."""
    if not os.path.exists(WEFT):
        sys.exit("%s is not there: run make, or set WEFT" % WEFT)
    hear_signals()
    enter_namespaces()
    if os.environ[INSIDE]:
        loopback_up()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = [c for c in cases if len(sys.argv) < 2 or sys.argv[1] in c[0]]
    print("1..%d" % len(wanted), flush=True)
    good = [run_case(number, *c) for number, c in enumerate(wanted, 1)]
    sys.stdout.flush()
    sys.exit(0 if all(good) else 1)
