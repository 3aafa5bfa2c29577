#!/usr/bin/python3 -B
"""Runs the tests, part by part, and ends with one line: N passed, N failed.

    build     the program and the tests with the default compiler; warnings are errors
    style     scripts/order and scripts/style
    unit      tests/FLOOR/test_*.c and tests/threads/test_*.c
    clang     everything compiles without a warning with clang too
    threads   the same tests under ThreadSanitizer, and the scenarios that say so
    asan      the same tests under AddressSanitizer, LeakSanitizer and UBSan, and the scenarios
    fuzz      each tests/fuzz/fuzz_*.c: its kept corpus, then some seconds of new input
    e2e       tests/e2e/NN_*.py: weft against real clients, trackers and peers that misbehave

Every test program speaks TAP (cmocka does when asked), so that each test function counts. A program
that crashes, hangs, or finds no test to run counts as one failure. Two run at a time, eight of the
scenarios, which mostly wait; each in a process group of its own, which is ended when its time is
over. WEFT_BUILD names another folder than build to build in; WEFT_FUZZ_SECONDS says how long each
fuzzer runs.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("WEFT_BUILD", os.path.join(ROOT, "build"))
FUZZ_SECONDS = int(os.environ.get("WEFT_FUZZ_SECONDS", "5"))
FLOORS = ["base", "proto", "io", "find", "swarm", "peer", "app", "threads"]
PARTS = ["build", "style", "unit", "clang", "threads", "asan", "fuzz", "e2e"]
JOBS, SCENARIO_JOBS = 2, 8
# The scenarios that take longest go first: what begins last would have the machine to itself.
LONGEST = ["08", "09", "12", "13", "16", "20", "22", "24", "30", "32", "36"]
UNIT_TIMEOUT, SCENARIO_TIMEOUT, BUILD_TIMEOUT = 120, 240, 600
# Where a report ends the program; nothing is suppressed anywhere.
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_stack_use_after_return=1"
                    ":check_initialization_order=1:allocator_may_return_null=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1"
                    ":allocator_may_return_null=1:exitcode=99",
}


class Tally:
    """What passed, failed and was skipped; prints each failure with the output that explains it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failed = []
        self.skipped = []

    def result(self, name, good, output=""):
        """Counts one test."""
        with self.lock:
            if good:
                self.passed += 1
                return
            self.failed.append(name)
            print("FAILED %s" % name)
            lines = output.rstrip().split("\n")
            if len(lines) > 120:
                lines = lines[:40] + ["... %d lines ..." % (len(lines) - 120)] + lines[-80:]
            for line in lines:
                print("    " + line)
            sys.stdout.flush()

    def tap(self, name, code, output, seconds):
        """Counts every line of a TAP report; returns how many tests it had."""
        tests = re.findall(r"^(ok|not ok) \d+(?: - | )?(.*)$", output, re.M)
        bad = [text for verdict, text in tests if verdict == "not ok" and "# SKIP" not in text]
        for verdict, text in tests:
            if "# SKIP" in text:
                with self.lock:
                    self.skipped.append("%s: %s" % (name, text.strip()))
            elif verdict == "ok":
                self.result("%s: %s" % (name, text), True)
        for text in bad:
            self.result("%s: %s" % (name, text), False, output)
        if not bad and (code != 0 or not tests):
            why = "no tests in it" if code == 0 else "exit status %d" % code
            self.result("%s: %s" % (name, why), False, output)
        with self.lock:
            print("%-40s %3d tests %6.1f s" % (name, len(tests), seconds))
            sys.stdout.flush()


running = set()  # leaders of the process groups that exist now


def run(argv, timeout, env=None):
    """(exit status, output) of one command in a process group of its own."""
    if not shutil.which(os.path.join(ROOT, argv[0]) if "/" in argv[0] else argv[0]):
        return 127, argv[0] + " is not there\n"
    process = subprocess.Popen(argv, cwd=ROOT, env=dict(os.environ, **(env or {})),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    running.add(process.pid)
    try:
        output = process.communicate(timeout=timeout)[0]
        code = process.returncode
    except subprocess.TimeoutExpired:
        end_group(process.pid)
        output = process.communicate()[0] + b"\nended after %d s\n" % timeout
        code = 124
    end_group(process.pid)
    running.discard(process.pid)
    return code, output.decode("utf-8", "replace")


def end_group(leader):
    """Ends what is left of the group of a process that we started."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def interrupted(number, _):
    """The runner itself is to end: so does everything that it started."""
    for leader in list(running):
        end_group(leader)
    shutil.rmtree(os.environ["WEFT_SCRATCH"], ignore_errors=True)
    print("interrupted")
    sys.stdout.flush()
    os._exit(128 + number)


def scratch():
    """A folder for everything that the scenarios write, so that nothing outlives a run."""
    place = os.environ.get("TMPDIR")
    if not place:
        shared = os.statvfs("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
        place = "/dev/shm" if shared and shared.f_bavail * shared.f_frsize > 1 << 29 else "/tmp"
    folder = tempfile.mkdtemp(prefix="weft-test-", dir=place)
    os.chmod(folder, 0o755)
    return folder


def make(tally, name, *arguments):
    """Builds; one test."""
    started = time.monotonic()
    # -k: what can be built is, so that one file that does not compile hides no other fault.
    code, output = run(["make", "-s", "-k", "-j%d" % JOBS] + list(arguments), BUILD_TIMEOUT)
    tally.result(name, code == 0, output)
    print("%-40s %s %6.1f s" % (name, "ok" if code == 0 else "failed", time.monotonic() - started))


def in_parallel(tally, jobs, count=JOBS):
    """Runs [(name, argv, timeout, environment)], `count` at a time, as TAP programs."""
    def one(job):
        started = time.monotonic()
        code, output = run(*job[1:])
        tally.tap(job[0], code, output, time.monotonic() - started)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        list(pool.map(one, jobs))


def steady():
    """A prefix that turns address randomisation off, where that is allowed: some kernels place
    mappings where the sanitizers of some compilers do not expect any."""
    prefix = ["setarch", os.uname().machine, "-R"]
    code, _ = run(prefix + ["true"], 10)
    return prefix if code == 0 else []


def unit_jobs(folder, label, only, prefix=()):
    """The unit test programs that stand in one build folder."""
    environment = dict(SANITIZERS, CMOCKA_MESSAGE_OUTPUT="TAP")
    jobs = []
    for floor in FLOORS:
        source = os.path.join(ROOT, "tests", floor)
        for name in sorted(os.listdir(source)) if os.path.isdir(source) else []:
            stem, extension = os.path.splitext(name)
            if extension == ".c" and stem.startswith("test_") and only in floor + "/" + stem:
                program = os.path.join(folder, "tests", floor, stem)
                jobs.append(("%s %s/%s" % (label, floor, stem), list(prefix) + [program],
                             UNIT_TIMEOUT, environment))
    return jobs


def scenario_jobs(folder, label, only, mark=None):
    """The end-to-end scenarios against the weft of one build folder; with `mark`, those whose text
    contains it."""
    environment = dict(SANITIZERS, WEFT=os.path.join(folder, "weft"), WEFT_BUILD_KIND=label)
    source = os.path.join(ROOT, "tests", "e2e")
    jobs = []
    for name in sorted(os.listdir(source), key=lambda name: (name[:2] not in LONGEST, name)):
        path = os.path.join(source, name)
        if not re.fullmatch(r"\d\d_\w+\.py", name) or only not in name:
            continue
        if mark:
            with open(path) as text:
                if mark not in " ".join(text.read().split()):
                    continue
        jobs.append(("%s %s" % (label, name[:-3]), ["/usr/bin/python3", "-B", path],
                     SCENARIO_TIMEOUT, environment))
    return jobs


def part_build(tally, _):
    """The program and its tests."""
    make(tally, "build", "BUILD=" + BUILD, "all", "tests")


def part_style(tally, _):
    """The rules that scripts keep."""
    for name, argv in (("order", ["scripts/order"]),
                       ("style", ["scripts/style", os.path.join(BUILD, "obj")])):
        code, output = run(argv, 60)
        tally.result("style: " + name, code == 0, output)
        print(output.strip() if code == 0 else "style: %s failed" % name)


def part_unit(tally, only):
    """The unit tests as they are."""
    in_parallel(tally, unit_jobs(BUILD, "unit", only))


def part_clang(tally, _):
    """A second compiler's opinion."""
    make(tally, "clang", "BUILD=" + os.path.join(BUILD, "clang"), "CC=clang", "all", "tests")


def part_threads(tally, only):
    """ThreadSanitizer."""
    folder = os.path.join(BUILD, "tsan")
    make(tally, "build for threads", "BUILD=" + folder, "SAN=thread", "all", "tests")
    in_parallel(tally, unit_jobs(folder, "threads", only, steady()))
    in_parallel(tally, scenario_jobs(folder, "threads", only, "under ThreadSanitizer"),
                SCENARIO_JOBS)


def part_asan(tally, only):
    """AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer."""
    folder = os.path.join(BUILD, "asan")
    make(tally, "build for asan", "BUILD=" + folder, "SAN=address,undefined", "all", "tests")
    in_parallel(tally, unit_jobs(folder, "asan", only, steady()))
    in_parallel(tally, scenario_jobs(folder, "asan", only), SCENARIO_JOBS)


def part_fuzz(tally, only):
    """The fuzzers, with the sanitizers in them."""
    source = os.path.join(ROOT, "tests", "fuzz")
    names = sorted(n[5:-2] for n in os.listdir(source) if re.fullmatch(r"fuzz_\w+\.c", n))
    names = [name for name in names if only in name]
    folder = os.path.join(BUILD, "fuzz")
    make(tally, "build for fuzz", "BUILD=" + folder, "CC=clang",
         "SAN=fuzzer-no-link,address,undefined", "fuzz")

    def one(name):
        started = time.monotonic()
        code, output = fuzz(folder, name)
        tally.result("fuzz %s" % name, code == 0, output)
        count = re.findall(r"stat::number_of_executed_units:\s*(\d+)", output)
        print("%-40s %10s runs %6.1f s" % ("fuzz " + name, count[-1] if count else "?",
                                           time.monotonic() - started))
        sys.stdout.flush()

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(one, names))


def fuzz(folder, name):
    """Replays the kept corpus of one target, then looks for new input for a while; what it finds
    interesting goes to the build folder, what it breaks on too."""
    program = os.path.join(folder, "tests", "fuzz", "fuzz_" + name)
    kept = os.path.join(ROOT, "tests", "fuzz", "corpus", name)
    found = os.path.join(folder, "found", name)
    os.makedirs(found, exist_ok=True)
    limits = ["-rss_limit_mb=512", "-malloc_limit_mb=64", "-timeout=5", "-print_final_stats=1",
              "-artifact_prefix=" + os.path.join(folder, "broken-%s-" % name)]
    names = sorted(os.listdir(kept)) if os.path.isdir(kept) else []
    inputs = [os.path.join(kept, name) for name in names]
    if inputs:
        code, output = run(steady() + [program] + limits + inputs, UNIT_TIMEOUT, SANITIZERS)
        if code != 0:
            return code, output
    folders = [found] + ([kept] if inputs else [])
    return run(steady() + [program] + limits + ["-max_total_time=%d" % FUZZ_SECONDS] + folders,
               FUZZ_SECONDS + 60, SANITIZERS)


def part_e2e(tally, only):
    """The scenarios with the program as users get it."""
    in_parallel(tally, scenario_jobs(BUILD, "e2e", only), SCENARIO_JOBS)


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=PARTS + [[]])
    parser.add_argument("--only", default="", metavar="NAME")
    arguments = parser.parse_args()
    parts = [part for part in PARTS if not arguments.parts or part in arguments.parts]
    tally = Tally()
    started = time.monotonic()
    os.environ["WEFT_SCRATCH"] = scratch()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    if "build" in parts or set(parts) & {"style", "unit", "e2e"}:
        part_build(tally, arguments.only)
    for part in parts:
        if part != "build":
            globals()["part_" + part](tally, arguments.only)
    shutil.rmtree(os.environ["WEFT_SCRATCH"], ignore_errors=True)
    for text in tally.skipped:
        print("skipped: " + text)
    for name in tally.failed:
        print("failed: " + name)
    print("all of it took %d s" % (time.monotonic() - started))
    print("%d passed, %d failed" % (tally.passed, len(tally.failed)))
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
