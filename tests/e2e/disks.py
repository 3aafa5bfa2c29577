"""What is on a disk, and disks that are too small."""

import contextlib
import os
import stat
import subprocess

import lib


def content(path):
    """The bytes of a file, what a link names, None of anything else."""
    if os.path.islink(path):
        return os.readlink(path)
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as data:
        return data.read()


def snapshot(folder):
    """{path: all that tells whether somebody was at it} of everything below a folder; not the time
    of a folder, as files in it may come and go."""
    found = {}
    for where, folders, files in os.walk(folder):
        for path in (os.path.join(where, name) for name in folders + files):
            state = os.lstat(path)
            time = None if stat.S_ISDIR(state.st_mode) else state.st_mtime_ns
            found[path] = (state.st_mode, state.st_ino, state.st_nlink, time, content(path))
    return found


def bytes_used(folder):
    """How many bytes below a folder are really there (holes do not count)."""
    return sum(os.lstat(os.path.join(where, name)).st_blocks * 512
               for where, _, names in os.walk(folder) for name in names)


@contextlib.contextmanager
def tmpfs(box, size):
    """A file system in memory of `size` bytes, mounted while the block runs; its path."""
    lib.needs_namespaces()
    path = box.path("disk.%d" % box.number())
    os.mkdir(path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
