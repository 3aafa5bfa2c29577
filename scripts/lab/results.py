"""From the runs of scripts/bench to rows, verdicts and tables.

A run is a dictionary of raw figures (bench.py makes it); a row is the median of a client's runs of
one case. Only whole runs count: one that was cut off, failed, or left wrong bytes makes its row
say so.
"""

import os
import platform
import re
from statistics import median

GB = 1e9
MIB = 1 << 20

FIGURES = ("seconds", "mb_s", "cpu", "rss_mb", "anon_mb", "switches", "waste_percent",
           "last_percent_s", "innocent")

# what a limit is about: words for the report, and how the figure is shown
LIMITS = {
    "cpu_floor": "CPU / floor",
    "cpu_best_other": "CPU / best other",
    "speed_best_other": "MB/s / best other",
    "rss_mb": "resident MB",
    "cpu": "CPU s/GB",
    "seconds_floor": "time / floor",
    "seconds_best": "time / best possible",
    "seconds_aria2": "time / aria2",
    "seconds_mktorrent": "time / mktorrent",
    "last_percent_s": "last 1 %, s",
    "waste_percent": "waste %",
    "innocent": "innocent peers dropped",
    "flat_cpu": "CPU, greatest / least of 256 KiB to 16 MiB",
    "flat_speed": "MB/s, greatest / least of 256 KiB to 16 MiB",
}
AT_LEAST = {"speed_best_other"}


def figures(case, raw):
    """The figures of one run that are shown."""
    run = dict(raw)
    run["mb_s"] = case.size / raw["seconds"] / 1e6
    run["cpu"] = raw["cpu_seconds"] / (case.size / GB)
    run["rss_mb"] = raw["rss_bytes"] / MIB
    run["anon_mb"] = raw["anon_bytes"] / MIB
    if raw.get("waste_bytes") is not None:
        run["waste_percent"] = 100 * raw["waste_bytes"] / case.size
    return run


def row_of(case, client, runs):
    """The medians of a client's runs, with `trouble` saying what went wrong, if anything did."""
    row = {"case": case.name, "client": client.name, "floor": client.floor, "runs": len(runs),
           "trouble": ""}
    good = [figures(case, run) for run in runs if run["trouble"] == ""]
    bad = [run["trouble"] for run in runs if run["trouble"] != ""]
    if bad:
        row["trouble"] = "%s (%d of %d runs)" % (bad[0], len(bad), len(runs))
    for name in FIGURES:
        values = [run[name] for run in good if run.get(name) is not None]
        if not values or len(good) * 2 <= len(runs):
            row[name] = None
        else:
            row[name] = max(values) if name == "innocent" else median(values)
    return row


def ratio(a, b):
    return a / b if a is not None and b else None


def find(rows, name):
    return next((row for row in rows if row["client"] == name), None)


def yardstick(case, rows):
    """The row that the others are multiples of, or None."""
    return find(rows, case.floors[0]) if case.floors else None


def judge(case, rows, sha_ni):
    """What is expected of weft in this case: a list of (what, figure, limit, held)."""
    weft, floor = find(rows, "weft"), yardstick(case, rows)
    if weft is None:
        return []
    others = [row for row in rows if not row["floor"] and row["client"] != "weft"]
    least = min((row["cpu"] for row in others if row["cpu"] is not None), default=None)
    fastest = max((row["mb_s"] for row in others if row["mb_s"] is not None), default=None)
    aria2 = find(rows, "aria2") or {"seconds": None}
    mktorrent = find(rows, "mktorrent") or {"seconds": None}
    one = find(rows, "floor-1")
    measured = {name: weft.get(name) for name in
                ("rss_mb", "cpu", "last_percent_s", "waste_percent", "innocent")}
    measured["cpu_floor"] = ratio(weft["cpu"], floor["cpu"]) if floor else None
    measured["cpu_best_other"] = ratio(weft["cpu"], least)
    measured["speed_best_other"] = ratio(weft["mb_s"], fastest)
    measured["seconds_floor"] = ratio(weft["seconds"], floor["seconds"]) if floor else None
    measured["seconds_best"] = ratio(weft["seconds"], case.best)
    measured["seconds_aria2"] = ratio(weft["seconds"], aria2["seconds"])
    measured["seconds_mktorrent"] = ratio(weft["seconds"], mktorrent["seconds"])
    verdicts = []
    for what, limit in case.limits:
        if what == "cpu_floor" and not sha_ni and one:
            limit, measured[what] = 1.15, ratio(weft["cpu"], one["cpu"])
        verdicts.append(verdict(case.name, what, measured[what], limit))
    return verdicts


def verdict(case_name, what, figure, limit):
    held = None if figure is None else figure >= limit if what in AT_LEAST else figure <= limit
    return {"case": case_name, "what": what, "figure": figure, "limit": limit, "held": held}


def judge_flat(rows):
    """Whether weft is the same for all piece lengths; [] unless all three cases were run."""
    wanted = ("fast8", "fast8-16m", "fast8-256k")
    mine = [row for row in rows if row["client"] == "weft" and row["case"] in wanted]
    if len(mine) != len(wanted) or any(row["cpu"] is None for row in mine):
        return []
    return [verdict("fast8*", what, ratio(max(row[name] for row in mine),
                                          min(row[name] for row in mine)), 1.15)
            for what, name in (("flat_cpu", "cpu"), ("flat_speed", "mb_s"))]


# --- text -----------------------------------------------------------------------------------------

def number(value, digits=2):
    return "-" if value is None else "%.*f" % (digits, value)


def times(value):
    return "-" if value is None else "%.2fx" % value


COLUMNS = ("", "seconds", "x floor", "x best", "MB/s", "CPU s/GB", "x floor", "RSS MB", "anon MB",
           "switches", "waste %", "last 1 % s", "")


def note_of(case, row):
    """What the last column says: trouble, and innocents where liars are about."""
    notes = [row["trouble"]] if row["trouble"] else []
    if row["innocent"] and any(what == "innocent" for what, _ in case.limits):
        notes.append("%d innocent dropped" % row["innocent"])
    return "; ".join(notes)


def line_of(case, row, floor):
    seconds = number(row["seconds"])
    if row["seconds"] is None and row["trouble"].startswith(">"):
        seconds = row["trouble"].split(" (")[0]
    return (row["client"], seconds,
            times(ratio(row["seconds"], floor["seconds"])) if floor else "-",
            times(ratio(row["seconds"], case.best)),
            number(row["mb_s"], 0), number(row["cpu"]),
            times(ratio(row["cpu"], floor["cpu"])) if floor else "-",
            number(row["rss_mb"], 0), number(row["anon_mb"], 0), number(row["switches"], 0),
            number(row["waste_percent"]), number(row["last_percent_s"]), note_of(case, row))


def table(case, rows):
    """The table of a case as text."""
    floor = yardstick(case, rows)
    lines = [COLUMNS] + [line_of(case, row, floor) for row in rows]
    if all(line[-1] == "" for line in lines):
        lines = [line[:-1] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    head = "%s  (section %d): %s" % (case.name, case.section, case.title)
    if case.best:
        head += "; best possible %.2f s" % case.best
    text = [head]
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        text.append("  " + "  ".join(cells).rstrip())
    return "\n".join(text)


def verdict_line(v):
    sign = ">=" if v["what"] in AT_LEAST else "<="
    held = {None: "not measured", True: "held", False: "MISSED"}[v["held"]]
    return "  %-10s %-44s %8s %s %-5g %s" % (v["case"], LIMITS[v["what"]], number(v["figure"]),
                                             sign, v["limit"], held)


# --- the machine ----------------------------------------------------------------------------------

def machine(clients):
    """What was measured on, and whom: a dictionary."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        text = info.read()
    model = re.search(r"model name\s*:\s*(.*)", text)
    flags = re.search(r"flags\s*:\s*(.*)", text)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model.group(1).strip() if model else platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "sha_ni": bool(flags and "sha_ni" in flags.group(1).split()),
            "memory_gib": round(memory / (1 << 30), 1), "kernel": platform.release(),
            "versions": {client.name: client.version() for client in clients if not client.floor}}


def machine_text(m, namespaces):
    installed = ["%s %s" % pair for pair in m["versions"].items() if pair[1] is not None]
    missing = [name for name, version in m["versions"].items() if version is None]
    text = ["%s, %d cores, %s SHA-NI, %g GiB, Linux %s" % (
        m["cpu"], m["cores"], "with" if m["sha_ni"] else "without", m["memory_gib"], m["kernel"])]
    text.append("clients: " + ", ".join(installed))
    if missing:
        text.append("not there: " + ", ".join(missing))
    if not namespaces:
        text.append("on the loopback (not root): no links, no dead addresses, no Transmission")
    if m["cores"] < 2:
        text.append("one core only: client and seeders share it")
    return "\n".join(text)
