#!/usr/bin/python3 -B
"""Goal: `weft decode` as a learner and as a script uses it. JSON from an argument, a file and
standard input, to the byte where the CodeCrafters exercise demands it, without losing one anywhere
else; bad input refused at the right byte with exit 3 and nothing on stdout; large and deep input;
output that can't be written; and the annotated tree, its hash compared with libtorrent's way of
taking it."""

import hashlib
import json
import os
import pty
import fcntl
import random
import re
import struct
import subprocess
import termios

import lib
from torrents import KIB, bencode

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "fixtures")


def run(box, *arguments, code=0, stdin=b"", says=()):
    """Runs weft decode; fails unless it ends with `code`, says the words on stderr and keeps
    control characters to itself. Returns (stdout, stderr) as text."""
    done = subprocess.run([lib.WEFT, "decode"] + list(arguments), cwd=box.folder, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    result = lib.Result(done.returncode, done.stdout.decode("utf-8", "replace")[:2000],
                        done.stderr.decode("utf-8", "replace"), 0)
    lib.check(done.returncode == code, "%r: not exit %d" % (arguments, code), result)
    for word in says:
        lib.check(word in result.err, "does not say %r" % word, result)
    both = (done.stdout + done.stderr).replace(b"\n", b"")
    lib.check(re.search(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae", both) is None,
              "a control character", result)
    if code != 0:
        lib.check(result.err.count("\n") == 1, "not one line", result)
    return done.stdout.decode(), done.stderr.decode()


def shell(box, command):
    """Runs a line of bash, where $weft is weft."""
    return subprocess.run(["bash", "-c", command], cwd=box.folder, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=120,
                          check=False, env=dict(os.environ, weft=lib.WEFT))


def write(box, name, data):
    """A file in the folder of the case; its path."""
    with open(box.path(name), "wb") as out:
        out.write(data)
    return box.path(name)


def encode(value):
    """JSON, objects as lists of pairs, as bencoding. Not recursive: the input decides the depth."""
    out, stack = [], [iter([value])]
    while stack:
        try:
            value = next(stack[-1])
        except StopIteration:
            stack.pop()
            if stack:
                out.append(b"e")
            continue
        if isinstance(value, Pairs):
            out.append(b"d")
            stack.append(iter([part for pair in value for part in pair]))
        elif isinstance(value, list):
            out.append(b"l")
            stack.append(iter(value))
        elif isinstance(value, int):
            out.append(b"i%de" % value)
        else:
            text = lib.json_bytes(value)
            out.append(b"%d:%s" % (len(text), text))
    return b"".join(out)


class Pairs(list):
    """The members of a JSON object, in order, repeated ones too."""


def back(text):
    """Our JSON as the bencoding that it came from."""
    return encode(json.loads(text, object_pairs_hook=Pairs))


# JSON.

@lib.case("the stages of the exercise, to the byte")
def _(box):
    for given, wanted in (("5:hello", '"hello"'), ("i52e", "52"), ("i-52e", "-52"), ("i0e", "0"),
                          ("i2147483647e", "2147483647"), ("i4294967300e", "4294967300"),
                          ("55:http://bittorrent-test-tracker.codecrafters.io/announce",
                           '"http://bittorrent-test-tracker.codecrafters.io/announce"'),
                          ("l5:helloi52ee", '["hello",52]'), ("le", "[]"),
                          ("lli4eei5ee", "[[4],5]"), ("de", "{}"),
                          ("d3:foo3:bar5:helloi52ee", '{"foo":"bar","hello":52}'),
                          ("d10:inner_dictd4:key16:value14:key2i42e8:list_keyl5:item15:item2"
                           "i3eeee", '{"inner_dict":{"key1":"value1","key2":42,"list_key":'
                           '["item1","item2",3]}}')):
        out, err = run(box, given)
        lib.check(out == wanted + "\n" and err == "", given, out, err)


@lib.case("argument, file and standard input give the same")
def _(box):
    data = b"d1:a2:\xff\x001:bi-7ee"
    wanted = '{"a":"hex:ff00","b":-7}\n'
    path = write(box, "x.ben", data)
    for arguments in (["-f", path], ["--file", path], ["--file=" + path], ["-f", "-"], ["-"], []):
        lib.check(run(box, *arguments, stdin=data)[0] == wanted, arguments)
    lib.check(run(box, "--", "i1e")[0] == "1\n", "--")
    for end in (b"\n", b"\r\n"):  # what echo and editors add
        lib.check(run(box, stdin=data + end) == (wanted, ""), end)
    run(box, stdin=data + b"\n\n", code=3, says=("at byte 16", "2 more bytes"))
    run(box, stdin=data + b"x", code=3, says=("at byte 16",))
    run(box, "i5e\n", code=3, says=("at byte 3",))
    lib.check(run(box, stdin=b"1:\n")[0] == '"\\u000a"\n', "a newline that is content")


@lib.case("wrong usage is exit 2, and what can't be read says why")
def _(box):
    run(box, "i1e", "i2e", code=2, says=("one argument too many",))
    run(box, "-f", "x", "i2e", code=2, says=("a text or a file, not both",))
    run(box, "-f", "no-such-file", code=3, says=("there is no file",))
    run(box, "-f", ".", code=3, says=("folder",))
    run(box, "-f", "/dev/zero", code=3, says=("longer than 64 MiB",))
    path = write(box, "here.torrent", b"de")
    run(box, path, code=3, says=("at byte 0", "say -f in front"))
    helped, _ = run(box, "-h")
    for word in ("hex:", "64 MiB", "100 levels", "4,194,304 values", "--annotate"):
        lib.check(word in helped, word, helped)
    lib.check(max(map(len, helped.split("\n"))) <= 80, "help is too wide", helped)


@lib.case("on a terminal without input it says what to give it")
def _(box):
    master, slave = pty.openpty()
    done = subprocess.run([lib.WEFT, "decode"], stdin=slave, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(slave)
    os.close(master)
    lib.check(done.returncode == 2 and b"weft decode 5:hello" in done.stderr, done.stderr)


@lib.case("bad input: the byte, what was expected, exit 3, nothing on stdout")
def _(box):
    for given, at, what in (
            ("x", 0, "expected a value"), ("i", 1, "the input ends"),
            ("i12", 3, "expected the 'e'"), ("i1.5e", 2, "found '.'"), ("ie", 1, "a digit"),
            ("i-0e", 2, "0 without a minus"), ("i007e", 1, "leading zeros"),
            ("5:hell", 0, "no longer than the rest"), ("05:hello", 0, "leading zeros"),
            ("5hello", 1, "the ':'"), ("l5:hello", 8, "list that begins at byte 0"),
            ("li1eli2e", 8, "list that begins at byte 4"), ("d1:ae", 4, "the value"),
            ("di1ei2ee", 1, "a key"), ("i5ei6e", 3, "the end of the input"),
            ("l" * 101 + "e" * 101, 100, "more than 100"), ("l-5:helloe", 1, "found '-'"),
            ("99999999999999999999:x", 0, "no longer than the rest"),
            ("li\x1b[2Jee", 2, "found byte 0x1b")):
        out, err = run(box, given, code=3, says=("at byte %d:" % at, what))
        lib.check(out == "", given, out)
        lib.check(re.search(r"at byte (\d+)", err).group(1) == str(at), given, err)


@lib.case("empty input is bad input, wherever it comes from")
def _(box):
    path = write(box, "empty", b"")
    for arguments in (("",), ("-",), ("-f", path)):
        for annotate in ((), ("--annotate",)):
            run(box, *arguments, *annotate, code=3, says=("at byte 0: the input ends",))


@lib.case("a limit of ours is called one; the input may well be bencoding")
def _(box):
    for data in (b"l" * 101 + b"e" * 101, b"l" + b"0:" * (1 << 22) + b"e"):
        _out, err = run(box, stdin=data, code=3, says=("more than weft decodes: at byte",))
        lib.check("not bencoding" not in err, err)


@lib.case("keys that repeat or are out of order are shown, and said")
def _(box):
    out, err = run(box, "d1:b1:x1:a1:y1:b1:ze")
    lib.check(out == '{"b":"x","a":"y","b":"z"}\n', out)
    lib.check("at byte 13" in err and '"b" was there before, at byte 1' in err
              and "most programs that read it keep one" in err, err)
    lib.check("at byte 7: keys are not in order" in err, err)
    out, err = run(box, "-q", "d1:b1:x1:a1:y1:b1:ze")
    lib.check(err == "" and out != "", err)
    _out, err = run(box, stdin=b"d3:b\x1b\\i1e3:\x1b\xffai2ee")
    lib.check('"\\x1b\\xffa" belongs before "b\\x1b\\\\" of' in err, "escaped twice", err)
    out, err = run(box, "d1:a0:1:a0:1:a0:1:a0:e")
    lib.check("and 2 more such" in err, err)


@lib.case("every fixture and every hostile string goes to JSON and back to the same bytes")
def _(box):
    count = 0
    for name in sorted(os.listdir(FIXTURES)):
        with open(os.path.join(FIXTURES, name), "rb") as source:
            data = source.read()
        if not name.startswith("bad-") and name.endswith((".torrent", "handshake.bin")) and \
                data[:1] == b"d":
            out, _err = run(box, "-f", os.path.join(FIXTURES, name))
            lib.check(back(out) == data.rstrip(b"\n"), name, out[:1000])
            count += 1
    lib.check(count > 10, count)
    dice = random.Random(32)
    tricks = [b"hex:", b"hex:ff", b"\xed\xb2\x80", b"\xed\xa0\x80\xed\xb0\x80", b"\xc0\x80", b"\\",
              b'"', b"\x1b]0;x\x07", "\u202e\u2066\u061c\ufeff".encode(), b"\xf4\x90\x80\x80",
              "\U0001f9f5".encode(), b"\x00", b"</script>", b"\xf0\x9f", "\ufffd".encode()]
    strings = [bytes(dice.randrange(256) for _ in range(dice.randrange(6))) if dice.random() < 0.5
               else b"".join(dice.choices(tricks, k=dice.randrange(4))) for _ in range(20000)]
    keys = sorted(set(strings))
    data = b"l%sd%se%se" % (b"".join(map(bencode, strings)),
                            b"".join(bencode(key) + b"i1e" for key in keys),
                            b"i-123456789012345678901234567890123456789e")
    out, err = run(box, stdin=data)
    lib.check(err == "" and out.isascii() and back(out) == data, err)
    lib.check(len(json.loads(out)[-2]) == len(keys), "two keys became one")


@lib.case("large input passes through little memory; its end is exact")
def _(box):
    big = os.urandom(1 << 20) * 40
    for name, data in (("string", bencode({"pieces": big})),
                       ("text", bencode(b"\x01" * (30 << 20))),
                       ("values", b"l" + b"i7e" * 1000000 + b"e")):
        path = write(box, name, data)
        limit = "ulimit -v 400000; " if lib.KIND == "e2e" else ""  # sanitizers map terabytes
        done = shell(box, limit + '"$weft" decode -f "%s" > out' % path)
        lib.check(done.returncode == 0, name, done.stderr)
        with open(box.path("out"), encoding="ascii") as text:
            lib.check(back(text.read()) == data, name)
        os.remove(box.path("out"))
    run(box, stdin=b"l" + b"0:" * (1 << 22) + b"e", code=3, says=("more than 4194304 values",))
    run(box, stdin=b"x" * (65 << 20), code=3, says=("longer than 64 MiB",))


@lib.case("deep nesting is bounded: 100 levels, not the stack")
def _(box):
    out, _err = run(box, "l" * 100 + "e" * 100)
    lib.check(out == "[" * 100 + "]" * 100 + "\n", out)
    for data in (b"l" * (32 << 20), b"d1:a" * 1000000, b"l" * 101 + b"e" * 101):
        run(box, stdin=data, code=3, says=("more than 100 deep",))
        run(box, "--annotate", stdin=data, code=3, says=("more than 100 deep",))


# Where it goes.

@lib.case("output that can't be written is exit 5; a reader that leaves is no error")
def _(box):
    path = write(box, "large", b"l" + b"i7e" * 1000000 + b"e")
    for option in ("", "--annotate"):
        for given in ("i5e", '-f "%s"' % path):
            full = shell(box, '"$weft" decode %s %s > /dev/full' % (option, given))
            lib.check(full.returncode == 5 and "No space left" in full.stderr, given, full.stderr)
            shut = shell(box, '"$weft" decode %s %s >&-' % (option, given))
            lib.check(shut.returncode == 5 and "could not be written" in shut.stderr, given)
        left = shell(box, '"$weft" decode %s -f "%s" | head -c 10 > /dev/null; '
                          'exit ${PIPESTATUS[0]}' % (option, path))
        lib.check(left.returncode == 0 and left.stderr == "", option, left.stderr)


# The tree.

def lines_of(text):
    """[(offset, length, rest)] of the lines of a tree, up to its summary."""
    tree = text.split("\n\n")[0]
    return [(int(m.group(1)), int(m.group(2)), m.group(3)) for m in
            re.finditer(r"^ *(\d+) +(\d+)  (\S.*)$", tree, re.M)]


@lib.case("--annotate has a line for each byte, the meanings, and the range that is hashed")
def _(box):
    torrent = box.torrent([("a/one", 30 * KIB), ("two", 5)], piece_length=16 * KIB,
                          tracker="http://tracker.example/announce")
    with open(torrent.file, "rb") as source:
        data = source.read()
    text, err = run(box, "--annotate", "-f", torrent.file)
    covered = 0
    for at, length, _rest in lines_of(text):
        lib.check(at == covered, "a gap at byte %d" % covered, text)
        covered = at + (1 if data[at:at + 1] in (b"d", b"l") else length)
    lib.check(covered == len(data) and err == "", "ends at byte %d" % covered, text)
    lib.check(max(map(len, text.split("\n"))) <= 80, "too wide", text)
    found = re.search(r"# bytes (\d+) to (\d+) \((\d+) bytes\) are hashed\n"
                      r" +# SHA-1, the info hash: ([0-9a-f]{40})\n", text)
    first, last, length, digest = found.groups()
    part = data[int(first):int(last) + 1]
    lib.check(len(part) == int(length) and part[:1] == b"d" and part[-1:] == b"e", part)
    lib.check(hashlib.sha1(part).hexdigest() == digest == torrent.info_hash.hex(), text)
    for word in ("a torrent file", "URL of the tracker (BEP 3)", "size of each piece but the last",
                 "SHA-1 hashes of 20", "This is canonical bencoding"):
        lib.check(word in text, word, text)


def unescape(text):
    """The bytes of text that was escaped as for a terminal."""
    out = b""
    for part in re.findall(r"\\x[0-9a-f]{2}|\\u\{[0-9a-f]+\}|\\\\|[^\\]", text):
        out += (bytes([int(part[2:], 16)]) if part.startswith("\\x") else
                chr(int(part[3:-1], 16)).encode() if part.startswith("\\u") else part[-1].encode())
    return out


def rebuilt(text, size):
    """What a tree says the `size` bytes of its input are, as far as they are in it."""
    out = bytearray(size)
    for line in text.split("\n\n")[0].split("\n"):
        row = re.match(r" *(\d+) +(\d+|\+)  ((?:\| |\d+\| )*)(.*)", line)
        if row is None:
            continue
        at, length, shown = int(row.group(1)), row.group(2), row.group(4)
        if length == "+" and shown.startswith('"'):
            part = unescape(shown[1:shown.rindex('"')])
        elif length == "+":
            digits = re.match("(?:[0-9a-f]{2,} ?)*", shown.split("  ")[0]).group(0)
            part = bytes.fromhex(digits.replace(" ", ""))
        elif shown[:1] in ("d", "l"):
            part = shown[:1].encode()
        else:
            part = unescape(re.sub(r" \[\+\d+\]($|  .*)", "", shown))[:int(length)]
        out[at:at + len(part)] = part
    return bytes(out)


@lib.case("--annotate --full shows every byte, so that the input can be rebuilt from the tree")
def _(box):
    dice = random.Random(3)
    write(box, "made", bencode({"peers": bytes(range(128, 248)), "interval": 1800,
                                "peers6": dice.randbytes(18 * 9), "x": 10 ** 300,
                                "text": "long \U0001f9f5 \u20ac \\ \"quoted\" " * 40 + "  ",
                                "any": dice.randbytes(3000), b"\xff" * 70: dice.randbytes(33)}))
    names = [box.path("made")] + [os.path.join(FIXTURES, name) for name in os.listdir(FIXTURES)
                                  if name.endswith(".torrent") and not name.startswith("bad-")]
    names += [os.path.join(FIXTURES, name) for name in ("reply-compact.bin", "ext-handshake.bin")]
    for name in names:
        with open(name, "rb") as source:
            data = source.read()
        text, _err = run(box, "--annotate", "--full", "-f", name)
        end = len(data.rstrip(b"\n"))
        lib.check(rebuilt(text, len(data))[:end] == data[:end], name, text)
        lib.check("--full" not in text, name, text)
    text, _err = run(box, "--annotate", "-f", box.path("made"))
    lib.check("12 more peers: --full" in text and "128.129.130.131:33925" in text, text)
    lib.check("2872 more bytes: --full" in text, text)
    run(box, "--full", "i5e", code=2, says=("--full belongs to --annotate",))
    large = write(box, "large", bencode({"pieces": b"x" * (20 << 20), "name": "x"}))
    limit = "ulimit -v 400000; " if lib.KIND == "e2e" else ""  # sanitizers map terabytes
    done = shell(box, limit + '"$weft" decode --annotate --full -f "%s" | wc -l' % large)
    lib.check(int(done.stdout) > (20 << 20) // 20 and done.stderr == "", done)


@lib.case("what may stand behind a value has one code, and a sentence, with and without --annotate")
def _(box):
    for end in (b"\n", b"\r\n"):
        path = write(box, "line", b"5:hello" + end)
        for arguments in ([], ["-f", path]):
            lib.check(run(box, *arguments, stdin=b"5:hello" + end)[0] == '"hello"\n', end)
            text, err = run(box, "--annotate", *arguments, stdin=b"5:hello" + end)
            lib.check("the end of a line" in text and err == "", text, err)
        lib.check("leaves out the end of a line" in run(box, "-f", path)[1], "not said")
    message = b"d8:msg_typei1e5:piecei0e10:total_sizei8eeDATADATA"
    out, err = run(box, stdin=message)
    lib.check(json.loads(out)["msg_type"] == 1 and "bytes 41 to 48" in err, out, err)
    run(box, "--annotate", stdin=message)


@lib.case("--annotate names every departure at its byte, and exits as without it")
def _(box):
    text, err = run(box, "--annotate", "d1:b0:1:a0:e")
    lib.check("! byte 6: keys are not in order" in text and err == "", text, err)
    text, err = run(box, "--annotate", "d1:bi01e1:ali-0ee1:a02:xyez", code=3)
    for word in ("! byte 5: expected an integer without leading zeros",
                 '! byte 8: keys are not in order: "a" belongs before "b" of byte 1',
                 "! byte 14: expected 0 without a minus sign",
                 '! byte 17: the key "a" was there before, at byte 8',
                 "! byte 20: expected a length without leading zeros",
                 "! byte 26: expected the end of the input, found 1 more byte",
                 "6 departures"):
        lib.check(word in text, word, text)
    lib.check("at byte 5:" in err, err)
    text, err = run(box, "--annotate", "i5e\n", code=3)
    lib.check("! byte 3: expected the end of the input" in text, text)


@lib.case("--annotate fits the terminal that it is read on")
def _(box):
    path = os.path.join(FIXTURES, "multi.torrent")
    for columns in (40, 80, 120):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        process = subprocess.Popen([lib.WEFT, "decode", "--annotate", "-f", path], stdin=slave,
                                   stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: nobody has the terminal open any more
                break
            if not part:
                break
            text += part
        os.close(master)
        lib.check(process.wait(60) == 0, text)
        lines = text.decode("ascii").replace("\r\n", "\n").split("\n")
        lib.check(max(map(len, lines)) <= columns, columns, max(lines, key=len))
        lib.check(max(map(len, lines)) > columns - 12, "it does not use %d columns" % columns)


if __name__ == "__main__":
    lib.main()
