#!/usr/bin/python3 -B
"""Goal: what the README and the course (src/COURSE.md) say can be relied on. Every command in them
that is shown with its output is run against the very swarm that their reader starts, scripts/swarm,
and must print what stands there; the lists of commands and files are complete and true."""

import contextlib
import os
import re
import signal
import socket
import subprocess

import course
import lib
import swarm

ROOT = os.path.dirname(os.path.dirname(lib.HERE))
COURSE, README = "src/COURSE.md", "README.md"


def read(name):
    """A text of the project."""
    with open(os.path.join(ROOT, name), encoding="utf-8") as source:
        return source.read()


def start_swarm(box):
    """scripts/swarm as its user starts it; (process, the lines it prints)."""
    if not os.environ.get(lib.INSIDE):
        for port in (swarm.TRACKER_PORT,) + swarm.PEER_PORTS:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    raise lib.Skip("port %d of this machine is in use" % port)
    out = box.path("swarm.%d" % box.number())
    with open(out, "w") as log:
        process = subprocess.Popen([os.path.join(ROOT, "scripts/swarm")], stdout=log,
                                   stderr=subprocess.STDOUT, cwd=box.folder,
                                   stdin=subprocess.DEVNULL, preexec_fn=lib.die_with_parent)
    box.processes.append(process)

    def lines():
        with open(out) as text:
            return text.read().splitlines()

    lib.wait_for(lambda: "Ctrl-C ends them." in lines() or process.poll() is not None, 30,
                 "the swarm begins")
    lib.check(process.poll() is None, "the swarm did not begin", lines())
    return process, lines()


def run_text(box, name):
    """Runs everything in a text; [(step, what was printed)]."""
    _, said = start_swarm(box)
    folder = box.path("course")
    os.mkdir(folder)
    environment = dict(os.environ, PATH=box.path("bin") + ":" + os.environ["PATH"])
    os.mkdir(box.path("bin"))
    os.symlink(lib.WEFT, box.path("bin", "weft"))
    steps = course.steps_of(read(name))
    return [(step, said if step.command == "scripts/swarm"
             else course.run(step.command, folder, environment)) for step in steps]


def compare(box, name, least):
    """Every output of a text is what stands there, and a text that says something else would be
    found out."""
    done = run_text(box, name)
    lib.check(len(done) >= least, "only %d commands" % len(done))
    faults = [course.difference(step, step.expected, got) for step, got in done]
    lib.check(not any(faults), "%s is not true any more" % name, *filter(None, faults))
    for step, got in done:
        for wrong in course.altered(step, step.expected):
            lib.check(course.difference(step, wrong, got), "a wrong text would not be noticed",
                      step.command, *wrong)
        for wrong in (step.expected + ["one more"], step.expected[:-1]):
            lib.check(wrong == step.expected or course.difference(step, wrong, got),
                      "a line more or less would not be noticed", step.command)


@lib.case("the course prints what stands in it")
def _(box):
    compare(box, COURSE, 14)


@lib.case("the examples of the README print what stands there")
def _(box):
    compare(box, README, 8)


@lib.case("the course has ten steps, each with one command of weft and a file to read next")
def _(box):
    parts = re.split(r"^## ", read(COURSE), flags=re.M)[1:]
    steps = [part for part in parts if re.match(r"\d", part)]
    lib.check([int(re.match(r"\d+", part)[0]) for part in steps] == list(range(1, 11)), "numbers")
    for part in steps:
        commands = [s.command for s in course.steps_of(part) if s.command.startswith("weft ")]
        lib.check(len(commands) == 1, "not one command", part[:40], commands)
        lib.check(re.search(r"^Read \[[\w/.]+\]\([\w/.]+\).*?BEP \d+", part, re.M | re.S),
                  "nothing to read next", part[:40])


@lib.case("every link in the README and the course leads to a file")
def _(box):
    for name in (README, COURSE):
        links = re.findall(r"\]\(([^)#]+)\)", read(name))
        lib.check(len(links) > 10, "no links in " + name)
        for link in links:
            if not link.startswith("http"):
                path = os.path.join(ROOT, os.path.dirname(name), link)
                lib.check(os.path.exists(path), "%s: no %s" % (name, link))


@lib.case("the README's table has every command of `weft -h`, and no other")
def _(box):
    usage = box.weft("-h").out.partition("Commands:\n")[2].partition("\n\n")[0]
    known = re.findall(r"^  (\w+)", usage, re.M)
    rows = re.findall(r"^\| `weft (\w+)[^|]*\|", read(README), re.M)
    lib.check(len(known) > 10 and sorted(rows) == sorted(known), "not the same", known, rows)


@lib.case("Ctrl-C ends the swarm: its ports are free again, and no file is left")
def _(box):
    for _ in range(2):
        process, _ = start_swarm(box)
        before = set(os.listdir(box.folder))
        process.send_signal(signal.SIGINT)
        lib.check(process.wait(10) == 130, "not exit 130", process.returncode)
        lib.check(set(os.listdir(box.folder)) == before, "something is left")
        for port in (swarm.TRACKER_PORT,) + swarm.PEER_PORTS:
            with contextlib.closing(socket.socket()) as probe:
                lib.check(probe.connect_ex(("127.0.0.1", port)) != 0, "%d is open" % port)


@lib.case("a second swarm says that the ports are taken")
def _(box):
    start_swarm(box)
    again = subprocess.run([os.path.join(ROOT, "scripts/swarm")], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, universal_newlines=True, check=False)
    lib.check(again.returncode == 1 and "not free" in again.stderr, again)


if __name__ == "__main__":
    lib.main()
