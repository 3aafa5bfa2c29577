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


class Clocks:
    """How far the two clocks of a weft that is started with `env` are ahead, in seconds."""

    def __init__(self, box):
        path = box.path("clock.%d" % box.number())
        with open(path, "w+b") as file:
            file.write(bytes(16))
            file.flush()
            self.map = mmap.mmap(file.fileno(), 16)
        self.env = {"LD_PRELOAD": library(box), "SHIM_CLOCK": path}

    def realtime(self, seconds):
        """The time of day jumps."""
        self.map[0:8] = struct.pack("=q", seconds)

    def monotonic(self, seconds):
        """So much time passes at once."""
        self.map[8:16] = struct.pack("=q", seconds)
