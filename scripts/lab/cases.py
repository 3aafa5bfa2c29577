"""The cases of scripts/bench: which swarm, which link, what is expected of weft.

A case says how many peers of which behaviour there are (the words of the seeder's --listen), and
what the best possible time is where that follows from their rates. Figures expected of weft are
functions of a row of results (see results.py); they are compared with `<=` or `>=` and never left
out.
"""

from dataclasses import dataclass, field

MIB = 1 << 20
GIB = 1 << 30
MESSAGE = 16397 / 16384  # what goes over the wire per byte of payload: 13 bytes for 16 KiB
MB = 1_000_000


@dataclass
class Case:
    """One race."""

    name: str
    section: int
    title: str
    size: int
    piece: int
    groups: list = field(default_factory=list)  # (number of peers, behaviour)
    dead: int = 0         # addresses that answer nothing
    delay_ms: int = 0     # one way; with rate: through the link program
    rate: int = 0         # bytes per second of the link
    makes: bool = False   # no swarm: a torrent is made of the payload (else the payload is checked)
    pinned: bool = False  # the client on one core, the seeders on another
    best: float = 0       # seconds; 0: unknown
    floor_piece: int = 0  # the floor's pieces, where they are not the clients' (even shares)
    floors: tuple = ()    # which floor programs take part; the first is the yardstick
    timeout: float = 60
    skip: tuple = ()      # clients that this case is not for
    limits: tuple = ()    # (what, at most) of weft: see results.judge

    @property
    def peers(self):
        return sum(count for count, _ in self.groups)


def best_of(size, rates):
    """Seconds that peers of these rates (bytes per second) need together."""
    return size * MESSAGE / sum(rates)


def fast(name, title, size, piece, peers, limits=()):
    return Case(name, 1, title, size, piece, [(peers, "")], pinned=True, timeout=90,
                floors=("floor", "floor-1"), limits=limits)


CPU_LIMITS = (("cpu_floor", 1.2), ("cpu_best_other", 0.55), ("speed_best_other", 1.8),
              ("rss_mb", 40))
S3 = 256 * MIB

CASES = [
    fast("fast8", "8 fast peers, 1 GiB, pieces of 1 MiB", GIB, MIB, 8, CPU_LIMITS),
    fast("fast8-16m", "8 fast peers, 1 GiB, pieces of 16 MiB", GIB, 16 * MIB, 8, CPU_LIMITS),
    fast("fast8-256k", "8 fast peers, 1 GiB, pieces of 256 KiB", GIB, MIB // 4, 8, CPU_LIMITS),
    fast("fast8-16k", "8 fast peers, 1 GiB, pieces of 16 KiB", GIB, MIB // 64, 8,
         (("rss_mb", 40),)),
    fast("fast1", "1 fast peer, 1 GiB, pieces of 1 MiB", GIB, MIB, 1, (("rss_mb", 40),)),

    Case("long", 2, "8 peers, 50 ms round trip, 400 Mbit/s, 256 MiB", 256 * MIB, MIB, [(8, "")],
         delay_ms=25, rate=50 * MB, best=256 * MIB / (50 * MB), timeout=60,
         floors=("floor", "floor-lowat"), limits=(("seconds_floor", 1.02), ("cpu", 2.2))),
    Case("long1", 2, "1 peer, 100 ms round trip, 100 Mbit/s, 64 MiB", 64 * MIB, MIB, [(1, "")],
         delay_ms=50, rate=12_500_000, best=64 * MIB / 12_500_000, timeout=60,
         floors=("floor", "floor-lowat"), limits=(("seconds_floor", 1.02),)),

    Case("slow50", 3, "50 peers of 1 MB/s", S3, MIB, [(50, "rate=1M")],
         best=best_of(S3, [MB] * 50), floors=("floor-even",), floor_piece=MIB // 64,
         limits=(("seconds_best", 1.03),)),
    Case("slow300", 3, "300 peers of 150 kB/s", S3, MIB, [(300, "rate=150k")],
         best=best_of(S3, [150_000] * 300), floors=("floor-even",),
         floor_piece=MIB // 64, limits=(("seconds_best", 1.06),)),
    Case("slow1000", 3, "1,000 peers of 50 kB/s", S3, MIB, [(1000, "rate=50k")],
         best=best_of(S3, [50_000] * 1000), floors=("floor-even",), floor_piece=MIB // 64,
         limits=(("seconds_best", 1.15), ("cpu", 3)),
         skip=("transmission",)),
    Case("silent", 3, "8 peers of 4 MB/s, half go silent after 2 MB", S3, MIB,
         [(4, "rate=4M"), (4, "rate=4M,silent=2M")],
         best=best_of(S3 - 4 * 2 * MB / MESSAGE, [4 * MB] * 4), timeout=90,
         limits=(("seconds_best", 1.03),)),
    Case("corrupt", 3, "8 peers of 8 MB/s, two corrupt 2 % of their blocks", S3, MIB,
         [(6, "rate=8M"), (2, "rate=8M,corrupt=0.02")], best=best_of(S3, [8 * MB] * 6),
         limits=(("seconds_best", 1.03), ("innocent", 0))),
    Case("dead", 3, "4 peers of 8 MB/s among 200 addresses that answer nothing", S3, MIB,
         [(4, "rate=8M")], dead=196, best=best_of(S3, [8 * MB] * 4), timeout=90,
         limits=(("seconds_best", 1.03),)),
    Case("parts", 3, "20 peers of 3 MB/s, each holds a twentieth of the pieces", S3, MIB,
         [(20, "rate=3M,part=*/20")], best=best_of(S3, [3 * MB] * 20),
         limits=(("seconds_best", 1.03),)),
    Case("snail", 3, "9 peers of 10 MB/s and one of 20 kB/s, pieces of 4 MiB", S3, 4 * MIB,
         [(9, "rate=10M"), (1, "rate=20k")], best=best_of(S3, [10 * MB] * 9 + [20_000]),
         limits=(("seconds_best", 1.05), ("last_percent_s", 1), ("waste_percent", 1))),
    Case("cut", 3, "8 peers of 8 MB/s, one cuts the connection every 8 MB", S3, MIB,
         [(7, "rate=8M"), (1, "rate=8M,cut=8M")], best=best_of(S3, [8 * MB] * 8),
         limits=(("seconds_best", 1.05), ("waste_percent", 2))),

    Case("verify", 4, "check 1 GiB on disk, in the page cache, pieces of 1 MiB", GIB, MIB,
         floors=("check",), timeout=60, limits=(("seconds_aria2", 0.33),)),
    Case("create", 4, "make a torrent of 1 GiB, in the page cache, pieces of 1 MiB", GIB, MIB,
         makes=True, floors=("check",), timeout=60, limits=(("seconds_mktorrent", 0.6),)),
]
