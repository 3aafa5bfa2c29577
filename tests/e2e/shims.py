"""The library that the scenarios preload into weft (shim.c), compiled when it is needed."""

import mmap
import os
import struct
import subprocess

import lib

HERE = os.path.dirname(os.path.abspath(__file__))


def library(box):
    """The path of the library. Sanitizers bring an allocator and wrappers of their own, with which
    it does not mix."""
    if lib.KIND != "e2e":
        raise lib.Skip("a sanitizer is in this weft")
    lib.needs_program("cc")
    path = box.path("shim.so")
    if not os.path.exists(path):
        subprocess.run(["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
                        "-o", path, os.path.join(HERE, "shim.c"), "-ldl", "-pthread"], check=True)
    return path


def mapped(box, length):
    """(path, map) of a new file of zeros."""
    path = box.path("shim.%d" % box.number())
    with open(path, "w+b") as file:
        file.write(bytes(length))
        file.flush()
        return path, mmap.mmap(file.fileno(), length)


class Clocks:
    """How far the two clocks of a weft that is started with `env` are ahead, in seconds."""

    def __init__(self, box):
        path, self.map = mapped(box, 16)
        self.env = {"LD_PRELOAD": library(box), "SHIM_CLOCK": path}

    def realtime(self, seconds):
        """The time of day jumps."""
        self.map[0:8] = struct.pack("=q", seconds)

    def monotonic(self, seconds):
        """So much time passes at once."""
        self.map[8:16] = struct.pack("=q", seconds)


class Disk:
    """How slow the disk of a weft is that is started with `env`; it begins as fast as it is. Such a
    weft has `clocks`, too."""

    def __init__(self, box):
        path, self.map = mapped(box, 32)
        self.clocks = Clocks(box)
        self.env = dict(self.clocks.env, SHIM_DISK=path)

    def sync_takes(self, seconds):
        """Each sync takes so long at least, those that wait now, too."""
        self.map[0:8] = struct.pack("=q", int(seconds * 1000))

    def write_takes(self, seconds):
        """Each write to a place in a file likewise."""
        self.map[8:16] = struct.pack("=q", int(seconds * 1000))

    @property
    def syncs(self):
        """How many syncs have begun."""
        return struct.unpack("=q", self.map[16:24])[0]

    @property
    def writes(self):
        """How many writes have begun."""
        return struct.unpack("=q", self.map[24:32])[0]
