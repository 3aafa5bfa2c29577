#!/usr/bin/python3 -B
"""Texts with commands in them, and what these print: reads them, runs them, compares.

A block of such a text is fenced as "console". Its lines that begin with "$ " are commands for bash,
those below are what a terminal shows. A command that fails adds "exit N" to that, so that a text
shows failures as a shell does, with `|| echo $?`:

    ```console
    $ weft decode i52e
    52
    ```

All commands of a text run in the same folder, from top to bottom, each on a terminal of its own of
80 columns. What they print must be what stands there, but for what comments say right above the
fence (a reader of the rendered page does not see them):

    <!-- varies: REGEX -->    what it matches differs from run to run; it is compared as "~" in both
    <!-- mixed: REGEX -->     only lines in which it finds the same text stand in order; what is
                              indented by eight blanks goes with the line above

    course.py TEXT            writes the text to stdout with the outputs as they are now (but that
                              of scripts/swarm); needs weft in PATH, and scripts/swarm running
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SECONDS = 60


class Step:
    """One command, and what is to be seen."""

    def __init__(self, command, line, varies, mixed):
        self.command = command
        self.line = line          # its number in the text
        self.varies = varies
        self.mixed = mixed
        self.expected = []


def steps_of(text):
    """The commands of a text, in order."""
    steps, varies, mixed, inside = [], [], None, False
    for number, line in enumerate(text.split("\n"), 1):
        comment = re.fullmatch(r"<!-- (varies|mixed): (.*) -->", line)
        if inside and line == "```":
            inside, varies, mixed = False, [], None
        elif inside and line.startswith("$ "):
            steps.append(Step(line[2:], number, varies, mixed))
        elif inside:
            steps[-1].expected.append(line)
        elif line == "```console":
            inside = True
        elif comment and comment[1] == "varies":
            varies = varies + [comment[2]]
        elif comment:
            mixed = comment[2]
        else:
            varies, mixed = [], None
    return steps


def shown(raw):
    """The lines that a terminal shows at the end: what was drawn over is gone."""
    text = ESCAPE.sub("", raw.decode("utf-8", "replace").replace("\r\n", "\n"))
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def run(command, folder, environment):
    """The lines that a command puts on a terminal of 80 columns, and "exit N" if it failed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(["bash", "-c", command], cwd=folder, stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True,
                               env=dict(environment, TERM="xterm", LC_ALL="C.UTF-8"))
    os.close(slave)
    raw = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            break
        if not part:
            break
        raw += part
    os.close(master)
    code = process.wait(SECONDS)
    return shown(raw) + (["exit %d" % code] if code else [])


def comparable(step, lines):
    """What of the lines must be the same each time."""
    plain = []
    for line in lines:
        for pattern in step.varies:
            line = re.sub(pattern, "~", line)
        plain.append(line)
    if not step.mixed:
        return plain
    groups, last = {}, ""
    for line in plain:
        if not line.startswith(" " * 8):
            last = (re.search(step.mixed, line) or [""])[0]
        groups.setdefault(last, []).append(line)
    return [line for name in sorted(groups) for line in groups[name]]


def difference(step, expected, got):
    """None, or the first line that is not what it should be, as text."""
    wanted, found = comparable(step, expected), comparable(step, got)
    for one, other in zip(wanted + [None] * len(found), found + [None] * len(wanted)):
        if one != other:
            return "line %d, $ %s\nin the text: %r\nprinted:     %r\n%s" % (
                step.line, step.command, one, other, "\n".join(got))
    return None


def altered(step, lines):
    """The same lines with one character of one line changed, once for the first and once for the
    last one of each line that does not vary; raises ValueError if all of a line varies."""
    for at, line in enumerate(lines):
        free = [True] * len(line)
        for pattern in step.varies:
            for match in re.finditer(pattern, line):
                free[match.start():match.end()] = [False] * (match.end() - match.start())
        places = [i for i, char in enumerate(line) if free[i] and char.isalnum()]
        if line and not places and not all(free):
            raise ValueError("line %d: nothing of %r is compared" % (step.line, line))
        for place in sorted({places[0], places[-1]} if places else set()):
            other = "y" if line[place] != "y" else "z"
            yield lines[:at] + [line[:place] + other + line[place + 1:]] + lines[at + 1:]


def main():
    """Writes the text with new outputs."""
    with open(sys.argv[1], encoding="utf-8") as source:
        text = source.read()
    lines = text.split("\n")
    steps = [step for step in steps_of(text) if not step.command.startswith("scripts/")]
    with tempfile.TemporaryDirectory() as folder:
        new = {step.line: run(step.command, folder, os.environ) for step in steps}
    old = {step.line: len(step.expected) for step in steps}
    number = 1
    while number <= len(lines):
        print(lines[number - 1], end="\n" if number < len(lines) else "")
        if number in new:
            print("\n".join(new[number]), end="\n" if new[number] else "")
            number += old[number]
        number += 1


if __name__ == "__main__":
    main()
