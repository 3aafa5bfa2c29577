"""Where the races of scripts/bench take place: namespaces, processes, and their end.

With root there are two network namespaces: the client's and the swarm's, joined by a veth pair or
by the link program. The swarm's namespace owns all of 10.9.0.0/16, so any number of peers has an
address of its own there; 10.8.0.0/16 is routed to it too, but nobody listens and nothing is
forwarded: the packets vanish, as those to dead peers do. Without root everything runs on the
loopback.

Whatever is started or made here is known here, and undone by Arena.close(): processes by their
number, namespaces by their name, files with their directory.
"""

import ctypes
import mmap
import os
import resource
import select
import shutil
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000
CLIENT_IP, SWARM_IP = "10.7.0.1", "10.7.0.2"
TRACKER_PORT = 6969
PEER_PORT = 6881
LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """Something that the benchmark itself needs did not work."""


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure("ip %s: %s" % (" ".join(words), done.stderr.strip()))


class Arena:
    """Namespaces, directory and processes of one benchmark."""

    def __init__(self, lab, directory=None):
        self.lab = lab  # directory of seeder, floor, link
        self.own_directory = directory is None
        self.directory = directory or "/dev/shm/weft-bench-%d" % os.getpid()
        self.namespaces = os.geteuid() == 0 and os.path.exists("/dev/net/tun")
        self.client_ns = "weft-client-%d" % os.getpid()
        self.swarm_ns = "weft-swarm-%d" % os.getpid()
        self.children = []
        self.link = None
        self.joined = None  # how the namespaces are joined now
        self.cores = sorted(os.sched_getaffinity(0))
        os.makedirs(self.directory, exist_ok=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    # --- addresses ----------------------------------------------------------------------------

    def addresses(self, first, count):
        """The seeder's words for `count` addresses after the first `first` ones, with port."""
        if not self.namespaces:
            return "127.1.%d.%d+%d:%d" % (*host(first), count, PEER_PORT)
        return "10.9.%d.%d+%d:%d" % (*host(first), count, PEER_PORT)

    def dead_addresses(self, count):
        return "10.8.0.1+%d:%d" % (count, PEER_PORT)

    def peers(self, count):
        """The first `count` addresses, with commas."""
        net = "10.9" if self.namespaces else "127.1"
        return ",".join("%s.%d.%d:%d" % (net, *host(i), PEER_PORT) for i in range(count))

    @property
    def tracker(self):
        return "%s:%d" % (SWARM_IP if self.namespaces else "127.1.0.1", TRACKER_PORT)

    @property
    def near_tracker(self):
        """
        For long links: a tracker on the client's side. What such a case is about is the talk with
        the peers; the floor has no tracker at all, and its round trips are the same for every
        client.
        """
        return "%s:%d" % (CLIENT_IP if self.namespaces else "127.1.0.1", TRACKER_PORT)

    # --- namespaces ---------------------------------------------------------------------------

    def join(self, delay_ms=0, rate=0):
        """Joins the namespaces by a veth pair, or by a link of that delay (one way) and rate."""
        if not self.namespaces or self.joined == (delay_ms, rate):
            return
        self.part()
        for name in (self.client_ns, self.swarm_ns):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        if rate:
            self.link = self.start([os.path.join(self.lab, "link"),
                                    "--a", self.client_ns + ":line", "--b", self.swarm_ns + ":line",
                                    "--delay", str(delay_ms), "--rate", str(rate)], "ready")
        else:
            ip("link", "add", "line", "netns", self.client_ns, "type", "veth",
               "peer", "name", "line", "netns", self.swarm_ns)
        for name, here, there in ((self.client_ns, CLIENT_IP, SWARM_IP),
                                  (self.swarm_ns, SWARM_IP, CLIENT_IP)):
            ip("-n", name, "link", "set", "line", "up", "txqueuelen", "20000")
            ip("-n", name, "addr", "add", here, "peer", there, "dev", "line")
        ip("-n", self.client_ns, "route", "add", "default", "via", SWARM_IP)
        ip("-n", self.swarm_ns, "route", "add", "local", "10.9.0.0/16", "dev", "lo")
        self.joined = (delay_ms, rate)

    def part(self):
        """Undoes join."""
        if self.link is not None:
            self.stop(self.link)
            self.link = None
        if self.namespaces:
            for name in (self.client_ns, self.swarm_ns):
                if os.path.exists("/run/netns/" + name):
                    ip("netns", "del", name)
        self.joined = None

    def _enter(self, namespace, core, new_group):
        """What a child does between fork and exec."""
        def prepare():
            if new_group:
                os.setpgid(0, 0)
            if namespace is not None and self.namespaces:
                fd = os.open("/run/netns/" + namespace, os.O_RDONLY)
                if LIBC.setns(fd, CLONE_NEWNET) != 0:
                    os._exit(125)
                os.close(fd)
            if core is not None:
                os.sched_setaffinity(0, {core})
        return prepare

    # --- processes ----------------------------------------------------------------------------

    def start(self, command, ready, namespace=None, core=None, patience=120):
        """Starts a helper and waits for the line on stdout that starts with `ready`."""
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                 preexec_fn=self._enter(namespace, core, True))
        self.children.append(child)
        end = time.monotonic() + patience
        said = b""
        while not any(line.startswith(ready.encode()) for line in said.split(b"\n")[:-1]):
            if not select.select([child.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure("%s is not ready after %d s" % (command[0], patience))
            more = os.read(child.stdout.fileno(), 65536)
            if not more:
                raise Failure("%s ended before it was ready" % command[0])
            said += more
        return child

    def stop(self, child):
        """Ends a helper; returns what it still had to say."""
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            rest, _ = child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            rest, _ = child.communicate()
        self.children.remove(child)
        return rest.decode(errors="replace")

    def race(self, command, core, timeout, environment, log):
        """Runs a client from start to exit; returns a dictionary of what it took."""
        kept = os.path.join(self.directory, "client.log")
        with open(kept, "wb") as out:
            begin = time.monotonic()
            child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                     env=environment, cwd=self.directory,
                                     preexec_fn=self._enter(self.client_ns, core, True))
        self.children.append(child)
        status, usage, memory, timed_out = self._watch(child, begin + timeout)
        end = time.monotonic()
        kill_group(child.pid)
        self.children.remove(child)
        if log is not None:
            shutil.copyfile(kept, log)
        return {"seconds": end - begin, "ended_at": end, "timed_out": timed_out,
                "exit": os.waitstatus_to_exitcode(status),
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "rss_bytes": memory["VmHWM"], "anon_bytes": memory["RssAnon"],
                "switches": usage.ru_nvcsw + usage.ru_nivcsw}

    def _watch(self, child, deadline):
        """Waits for the end of a client, and looks at its memory every 20 ms meanwhile."""
        memory = {"VmHWM": 0, "RssAnon": 0}
        timed_out = False
        watch = os.pidfd_open(child.pid)
        while not select.select([watch], [], [], 0.02)[0]:
            for name, value in sample(child.pid):
                memory[name] = max(memory[name], value)
            if not timed_out and time.monotonic() > deadline:
                timed_out = True
                kill_group(child.pid)
        os.close(watch)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return status, usage, memory, timed_out

    def warm(self, size):
        """
        Touches as much memory as a run will write. A virtual machine may have given free pages back
        to its host; the first use of such a page costs more than everything that is measured here.
        """
        room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
        room.close()

    def close(self):
        """Undoes everything. May be called again."""
        for child in list(self.children):
            kill_group(child.pid)
            child.wait()
            self.children.remove(child)
        self.link = None
        try:
            self.part()
        finally:
            if self.own_directory:
                shutil.rmtree(self.directory, ignore_errors=True)


def host(first):
    """Octets of the address that the seeder counts to after `first` others, from x.x.0.11 on."""
    number = 10 + first  # 254 addresses a subnet: .0 and .255 are left out
    return number // 254, number % 254 + 1


def kill_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def sample(pid):
    """(name, bytes) of the lines of /proc/PID/status about memory."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(("VmHWM:", "RssAnon:")):
                    name, value = line.split(":")
                    yield name, int(value.split()[0]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return
