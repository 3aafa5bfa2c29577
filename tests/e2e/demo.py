#!/usr/bin/python3 -B
"""What scripts/demo shows: one download on the loopback, told in plain sentences.

    demo.py WEFT        exit 0 if everything arrived as it should
"""

import os
import signal
import subprocess
import sys

import lib
import trackers
from torrents import KIB, MIB

SEEDERS = 3
SECONDS = 5  # the seeders are slowed down so that the bar can be watched for so long
FILES = [("film/part one.bin", 24 * MIB + 12345), ("film/part two.bin", 15 * MIB + 1),
         ("film/extras/stills/one.raw", 5 * MIB), ("film/extras/stills/two.raw", 3 * MIB + 777),
         ("film/extras/empty.txt", 0), ("read me.txt", 421)]


def demonstrate(box, weft):
    """The whole show; the exit status."""
    tracker = box.tracker(trackers.registry())
    print("A tracker listens at %s." % tracker.url)
    torrent = box.torrent(FILES, tracker=tracker.url, name="demo", piece_length=256 * KIB)
    size = len(torrent.data)
    print("A torrent of %d files (nested folders, one empty) and %.1f MiB in %d pieces was made."
          % (len(FILES), size / MIB, len(torrent.pieces)))
    for _ in range(SEEDERS):
        print("A libtorrent seeder runs at %s, held at %.1f MiB/s."
              % (box.libtorrent(torrent, limit=size // SEEDERS // SECONDS),
                 size / SEEDERS / SECONDS / MIB))
    lib.wait_for(lambda: len(tracker.queries) >= SEEDERS, 30, "the seeders announce themselves")

    print("\n$ weft download -o downloads/ demo.torrent\n", flush=True)
    command = [weft, "download", "-o", box.downloads + "/", torrent.file]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    box.processes.append(process)
    code = process.wait(120)
    print("\nweft ended with exit status %d." % code)
    if code != 0:
        return 1

    originals = os.path.join(torrent.seeds, "demo")
    copies = os.path.join(box.downloads, "demo")
    if subprocess.run(["diff", "-r", originals, copies], check=False).returncode != 0:
        print("What arrived differs from what the seeders have.")
        return 1
    print("diff -r finds no difference between what the seeders have and what arrived.")
    stray = torrent.difference(box.downloads)
    if stray:
        print("But there is more to say: %s." % stray)
        return 1
    return 0


def main():
    """Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    box = lib.Box()
    try:
        status = demonstrate(box, os.path.abspath(sys.argv[1]))
    except KeyboardInterrupt:
        status = 130
    except AssertionError as error:
        print("The demonstration failed: %s" % error)
        status = 1
    finally:
        box.close()
    print("The tracker and the seeders were stopped, their folder was removed.")
    return status


if __name__ == "__main__":
    sys.exit(main())
