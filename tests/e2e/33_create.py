#!/usr/bin/python3 -B
"""Goal: what `weft create` makes is what everybody else reads: libtorrent and aria2 find the same
info hash, files and piece length in it, and weft downloads it from libtorrent. The same files give
the same bytes; whatever can't be in a torrent is told; nothing is ever half written. `weft edit`
and `weft magnet` keep the info hash. Also a scenario that runs under ThreadSanitizer."""

import json
import os
import re
import signal
import subprocess

import disks
import lib
from torrents import KIB, MIB, Torrent, bdecode, bencode

FIXTURES = os.path.join(lib.HERE, "..", "..", "fixtures")


def field(result, name):
    """The value of the line "name: value" on stdout."""
    found = re.search(r"^%s: (.*)$" % re.escape(name), result.out, re.M)
    lib.check(found, "no line '%s'" % name, result)
    return found.group(1)


def lay_out(box, files, name="data"):
    """Writes {path: bytes} below a folder of this name; its path."""
    top = box.path(name)
    for path, data in files.items():
        target = os.path.join(os.fsencode(top), os.fsencode(path))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as out:
            out.write(data)
    return top


def decoded(path):
    """The outermost dictionary of a torrent."""
    with open(path, "rb") as source:
        data = source.read()
    value, end = bdecode(data)
    lib.check(end == len(data) and bencode(value) == data, "%s is not canonical" % path)
    return value


def by_libtorrent(path):
    """(info hash, piece length, [(path, length)], trackers by tier, web seeds, private) as
    libtorrent reads them."""
    code = ("import json, sys, libtorrent as lt\n"
            "t = lt.torrent_info(sys.argv[1])\n"
            "f = t.files()\n"
            "print(json.dumps([str(t.info_hash()), t.piece_length(),\n"
            "  [[f.file_path(i), f.file_size(i)] for i in range(f.num_files())],\n"
            "  [[x.tier, x.url] for x in t.trackers()], [w['url'] for w in t.web_seeds()],\n"
            "  t.priv()]))\n")
    done = subprocess.run(["/usr/bin/python3", "-c", code, path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, universal_newlines=True)
    lib.check(done.returncode == 0, "libtorrent refuses %s" % path, done.stdout)
    return json.loads(done.stdout)


def by_aria2(path):
    """(info hash, bytes of a piece in words, [(path, length)]) as aria2 reads them."""
    lib.needs_program("aria2c")
    done = subprocess.run(["aria2c", "--no-conf", "-S", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, universal_newlines=True)
    lib.check(done.returncode == 0, "aria2 refuses %s" % path, done.stdout)
    files = re.findall(r"^ *\d+\|(.*)\n *\|.*\(([\d,]+)\)", done.stdout, re.M)
    return (re.search(r"^Info Hash: (\w+)", done.stdout, re.M).group(1),
            re.search(r"^Piece Length: (.*)", done.stdout, re.M).group(1),
            [[name.replace("./", "", 1), int(size.replace(",", ""))] for name, size in files])


MANY = {"b/x": b"x" * 100000, "b/y": b"", "a": b"a", "b.txt": b"z" * 70000, "c/d/e": b"0123456789"}
ORDER = ["a", "b.txt", "b/x", "b/y", "c/d/e"]


@lib.case("libtorrent and aria2 read what create wrote: hash, files, piece length, all the rest")
def _(box):
    top = lay_out(box, MANY)
    made = box.weft("create", "-o", "m.torrent", "--piece-length", "32K", "--private",
                    "--tracker", "http://a.example/ann,udp://b.example:1", "--tracker",
                    "http://c.example/ann", "--web-seed", "http://s.example/", "--comment", "hi",
                    "--source", "SRC", top, expect=0)
    torrent = box.path("m.torrent")
    files = [["data/" + name, len(MANY[name])] for name in ORDER]
    info_hash = field(made, "Info Hash")
    seen = by_libtorrent(torrent)
    lib.check(seen[:3] == [info_hash, 32768, files], "libtorrent reads something else", seen)
    lib.check(sorted(seen[3]) == [[0, "http://a.example/ann"], [0, "udp://b.example:1"],
                                  [1, "http://c.example/ann"]], "other trackers", seen)
    lib.check(seen[4:] == [["http://s.example/"], True], "other flags", seen)
    lib.check(by_aria2(torrent) == (info_hash, "32KiB", files), "aria2 reads something else",
              by_aria2(torrent))
    root = decoded(torrent)
    lib.check(lib.info_hash(root[b"info"]).hex() == info_hash, "another info hash", made)
    lib.check(root[b"comment"] == b"hi" and root[b"info"][b"source"] == b"SRC", "lacks a field")
    lib.check(b"creation date" not in root, "there is a date")
    shown = box.weft("info", "--json", torrent, expect=0)
    lib.check(json.loads(shown.out)["info_hash"] == info_hash, "weft info reads another", shown)


@lib.case("a single file becomes the torrent that an independent encoder makes")
def _(box):
    torrent = box.torrent(1 * MIB + 5, piece_length=64 * KIB)
    torrent.write_data(torrent.seeds)
    made = box.weft("create", "--private", "--piece-length", "64K",
                    os.path.join(torrent.seeds, "payload"), expect=0)
    lib.check(field(made, "Info Hash") == torrent.info_hash.hex(), "another info hash", made)
    lib.check(field(made, "Torrent") == "payload.torrent", "another name", made)
    lib.check(by_aria2(box.path("payload.torrent"))[0] == torrent.info_hash.hex(),
              "aria2 reads another hash")


@lib.case("weft downloads a torrent that weft made, from libtorrent")
def _(box):
    files = [("a", 300000), ("b/c", 0), ("b/d", 1), ("e", 500000)]
    torrent = box.torrent(files, piece_length=32 * KIB)
    torrent.write_data(torrent.seeds)
    made = box.path("made.torrent")
    box.weft("create", "-o", made, "--piece-length", "32K", os.path.join(torrent.seeds, "payload"),
             expect=0)
    torrent.file = made
    box.download(torrent, peers=[box.libtorrent(torrent)], expect=0)
    box.compare(torrent)
    box.weft("verify", made, box.downloads + "/", expect=0)


@lib.case("the same files give the same bytes, in whatever order the disk has them")
def _(box):
    one = lay_out(box, MANY, "one/data")
    two = lay_out(box, dict(reversed(list(MANY.items()))), "two/data")
    for top, out in ((one, "1"), (two, "2"), (two + "/", "3")):
        box.weft("create", "-o", out, top, expect=0)
    box.weft("create", "-o", box.path("4"), ".", cwd=one, expect=0)
    texts = [disks.content(box.path(name)) for name in "1234"]
    lib.check(len(set(texts)) == 1, "they differ", *texts)
    box.weft("create", "-o", "5", "--date", "12345", one, expect=0)
    lib.check(decoded(box.path("5"))[b"creation date"] == 12345, "another date")


@lib.case("the piece length follows the size, and only powers of two are taken")
def _(box):
    lengths = {1: 16 * KIB, 32 * MIB: 16 * KIB, 32 * MIB + 1: 32 * KIB, 1024 * MIB: 512 * KIB,
               40 * 1024 * MIB: 16 * MIB}
    for size, wanted in lengths.items():
        with open(box.path("sparse"), "wb") as out:
            out.truncate(size)
        shown = json.loads(box.weft("create", "--dry-run", "--json", "sparse", expect=0).out)
        lib.check(shown["piece_length"] == wanted, "%d bytes" % size, shown)
    for bad in ("0K", "15K", "17K", "8K", "1G", "x"):
        wanted = 0 if bad == "0K" else 2
        box.weft("create", "-n", "--piece-length", bad, "sparse", expect=wanted)


@lib.case("a dry run lists the files and writes nothing")
def _(box):
    top = lay_out(box, MANY)
    before = sorted(os.listdir(box.folder))
    shown = box.weft("create", "--dry-run", top, expect=0)
    lines = shown.out.splitlines()[:5]
    lib.check([line.split()[1] for line in lines] == ["data/" + name for name in ORDER],
              "other files", shown)
    left = [n for n in sorted(os.listdir(box.folder)) if n not in before and n[:3] not in
            ("out", "err")]
    lib.check(left == [], "something was written", left)


@lib.case("what is there is not overwritten, unless it is told to")
def _(box):
    top = lay_out(box, MANY)
    os.mkdir(box.path("folder"))
    with open(box.path("data.torrent"), "w") as out:
        out.write("mine")
    refused = box.weft("create", top, expect=5)
    lib.check("it is there already" in refused.err and refused.out == "", "says else", refused)
    lib.check(disks.content(box.path("data.torrent")) == b"mine", "it was overwritten")
    refused = box.weft("create", "--overwrite", top, expect=2)
    lib.check("is not a torrent" in refused.err and refused.out == "", "says else", refused)
    lib.check(disks.content(box.path("data.torrent")) == b"mine", "it was overwritten")
    os.truncate(box.path("data.torrent"), 0)
    for _ in range(2):
        box.weft("create", "--overwrite", top, expect=0)
        decoded(box.path("data.torrent"))
    box.weft("create", "-o", "folder", top, expect=0)
    lib.check(os.listdir(box.path("folder")) == ["data.torrent"], "not in the folder")
    box.weft("create", "-o", "nowhere/x.torrent", top, expect=5)
    piped = box.weft("create", "-o", "-", top, expect=0)
    lib.check(piped.out.startswith("d10:created by"), "no torrent on stdout", piped)


@lib.case("the torrent that is written is no part of itself")
def _(box):
    top = lay_out(box, MANY)
    out = os.path.join(top, "data.torrent")
    first = box.weft("create", "-o", out, top, expect=0)
    again = box.weft("create", "-o", out, "--overwrite", top, expect=0)
    lib.check(first.out == again.out, "it is", first, again)
    lib.check("'data.torrent' is left out" in again.err, "nobody is told", again)


@lib.case("--exclude leaves out by name, by path and whole folders; links and pipes are told")
def _(box):
    top = lay_out(box, {"keep": b"1", "x.tmp": b"2", "sub/y.tmp": b"3", "sub/z": b"4",
                        "cache/deep/q": b"5", "log/a/b": b"6"})
    os.symlink("keep", os.path.join(top, "link"))
    os.mkfifo(os.path.join(top, "pipe"))
    os.mkdir(os.path.join(top, "empty"))
    shown = box.weft("create", "-n", "--json", "--exclude", "*.tmp", "--exclude", "cache/",
                     "--exclude", "log/**", top, expect=0)
    paths = ["/".join(f["path"]) for f in json.loads(shown.out)["files"]]
    lib.check(paths == ["data/keep", "data/sub/z"], "other files", shown)
    for word in ("link", "pipe", "empty"):
        lib.check("'%s'" % word in shown.err, "does not tell of %s" % word, shown)
    followed = box.weft("create", "-n", "--follow-links", "--exclude", "*/*", top, expect=0)
    lib.check("data/link" in followed.out, "the link is not followed", followed)
    box.weft("create", "--exclude", "*", top, expect=3)


@lib.case("odd names are kept to the byte, and those that downloads would change are told")
def _(box):
    names = [b"\xff\xfe", "\u00e9 \u20ac".encode(), b"a\nb\x1b[31m", b"-x", b" ", b"a\\b", b"READ",
             b"read"]
    top = lay_out(box, {os.fsdecode(name): name for name in names})
    refused = box.weft("create", top, expect=3)
    lib.check("1 name," in refused.err and "--odd-names" in refused.err, "not told", refused)
    lib.check(leftovers(box) == ["data", "downloads"], "something was written", leftovers(box))
    made = box.weft("create", "--odd-names", top, expect=0)
    lib.check("aria2 refuses this torrent" in made.err, "not told", made)
    lib.check("4 names" in made.err and "\x1b" not in made.err + made.out, "not told", made)
    files = decoded(box.path("data.torrent"))[b"info"][b"files"]
    lib.check([f[b"path"] for f in files] == [[name] for name in sorted(names)], "other names",
              files)
    by_libtorrent(box.path("data.torrent"))
    dry = box.weft("create", "-o", "x", "--odd-names", "--dry-run", top, expect=0)
    lib.check(dry.err == made.err, "a dry run tells something else", dry)
    fine = box.weft("create", "-o", "x", "--exclude", "*[!- a-z\u00e9\u20ac]*", top, expect=0)
    lib.check(fine.err == "" and "in 4 files" in fine.out, "not these four", fine)
    box.weft("verify", "x", box.folder + "/", expect=0)


@lib.case("aria2 takes every name that create takes without being urged")
def _(box):
    names = [bytes([c]) + b"x" for c in range(1, 128) if c != ord("/")]
    names += [b"\xff\xfe", b"a\\b", b"..a", b"...", b" ", b"\xc2\x85", b"\xe2\x80\xae"]
    taken = 0
    for name in names:
        top = box.path("d%d" % names.index(name))
        os.mkdir(top)
        with open(os.path.join(os.fsencode(top), name), "wb") as out:
            out.write(b"x")
        made = box.weft("create", "-o", "t.torrent", "--overwrite", top)
        lib.check((made.code, name[:1] in b"\b\t\n\f\r") in ((0, False), (3, True)), repr(name),
                  made)
        if made.code == 0:
            shown = subprocess.run(["aria2c", "--no-conf", "-S", box.path("t.torrent")],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            lib.check(b"\nInfo Hash: " + field(made, "Info Hash").encode() in shown.stdout,
                      repr(name), shown.stdout)
            taken += 1
    lib.check(taken == len(names) - 5, taken)
    named = box.weft("create", "-o", "t.torrent", "--overwrite", "--name", "a\nb", top, expect=3)
    lib.check("aria2" in named.err, "the name of the torrent is no better", named)


@lib.case("an --exclude that matches nothing is told, and one that others forestall is not")
def _(box):
    top = lay_out(box, {"a.tmp": b"1", "b": b"2"})
    shown = box.weft("create", "-n", "--exclude", "*.tmp", "--exclude", "a*", "--exclude", "/d/b",
                     "--exclude", "c", top, expect=0)
    lib.check(shown.err.count("matches nothing") == 2 and "'/d/b'" in shown.err and
              "'c'" in shown.err, "says else", shown)
    alone = box.weft("create", "-n", "--exclude", "x", os.path.join(top, "b"), expect=0)
    lib.check("'x' matches nothing" in alone.err, "says else", alone)


@lib.case("want of memory is told as that, and no torrent is written")
def _(box):
    if lib.KIND != "e2e":
        return  # sanitizers map terabytes
    top = lay_out(box, {"f%d" % i: b"x" for i in range(3000)})
    codes = set()
    for limit in range(12000, 60000, 1500):
        made = box.weft("create", "-q", "-o", "t.torrent", "--overwrite", top,
                        prefix=["bash", "-c", 'ulimit -v %d; exec "$@"' % limit, "-"])
        if made.code == 127:
            continue  # not enough to start any program
        lib.check(made.code in (0, 6), "%d KiB" % limit, made)
        codes.add(made.code)
    lib.check(codes == {0, 6}, codes)


@lib.case("what can't be shared is refused with its reason")
def _(box):
    top = lay_out(box, {"only": b""})
    os.mkdir(box.path("none"))
    for path, words, code in ((os.path.join(top, "only"), "not a single byte", 3),
                              (top, "not a single byte", 3), ("none", "no file", 3),
                              ("missing", "not there", 5), ("/dev/null", "neither a file", 3),
                              ("/", "--name", 2)):
        refused = box.weft("create", path, expect=code)
        lib.check(words in refused.err and refused.err.count("weft: ") == 1, path, refused)


@lib.case("options that make no sense are refused before anything is read")
def _(box):
    top = lay_out(box, MANY)
    for words in (["--tracker", "nonsense"], ["--tracker", "http://a/,"], ["--web-seed", "udp://a"],
                  ["--date", "yesterday"], ["--name", "a/b"], ["--name", ".."], ["--exclude", ""]):
        box.weft("create", "-o", "x.torrent", *words, top, expect=2)
    lib.check(not os.path.exists(box.path("x.torrent")), "something was written")


@lib.case("10,000 files, and 64 folders in each other but no more")
def _(box):
    top = lay_out(box, {"%02d/%04d" % (i % 50, i): b"%d" % i for i in range(10000)})
    made = box.weft("create", top, expect=0)
    lib.check("in 10000 files" in made.out, "not all of them", made)
    files = by_libtorrent(box.path("data.torrent"))[2]
    lib.check(len(files) == 10000, "libtorrent finds %d" % len(files))
    box.weft("verify", "data.torrent", box.folder + "/", expect=0)
    deep = lay_out(box, {"/".join(["d"] * 63) + "/f": b"x"}, "deep")
    box.weft("create", deep, expect=0)
    box.weft("info", "deep.torrent", expect=0)
    deeper = lay_out(box, {"/".join(["d"] * 64) + "/f": b"x"}, "deeper")
    lib.check("64 deep" in box.weft("create", deeper, expect=3).err, "says something else")


def hashing(box):
    """A weft that is at work on a file of 256 GiB of zeros; (it, the file)."""
    huge = box.path("huge")
    with open(huge, "wb") as out:
        out.truncate(256 * 1024 * MIB)
    running = box.start("create", "-o", "huge.torrent", huge)
    lib.wait_for(lambda: "hashed" in running.error_text(), 30, "progress", running)
    return running, huge


def leftovers(box):
    """What lies in the folder of the case beside the outputs of the harness."""
    return sorted(n for n in os.listdir(box.folder) if not re.match(r"(out|err)\.\d+$", n))


@lib.case("Ctrl-C ends it at once, and nothing is left")
def _(box):
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        running, _ = hashing(box)
        running.signal(number)
        result = running.wait(20)
        lib.check(result.code == code and "interrupted" in result.err and result.out == "",
                  "another end", result)
        lib.check(leftovers(box) == ["downloads", "huge"], "left behind", leftovers(box))


@lib.case("a file that shrinks while it is read is told, and nothing is written")
def _(box):
    running, huge = hashing(box)
    os.truncate(huge, 1)
    result = running.wait(20)
    lib.check(result.code == 5 and "changed while it was being read" in result.err, "another end",
              result)
    lib.check(leftovers(box) == ["downloads", "huge"], "left behind", leftovers(box))


@lib.case("a full disk leaves no half torrent, and edit keeps the old one")
def _(box):
    top = lay_out(box, MANY)
    with disks.tmpfs(box, 256 * KIB) as disk:
        out = os.path.join(disk, "x.torrent")
        box.weft("create", "-o", out, "--piece-length", "16K", top, expect=0)
        before = disks.content(out)
        with open(os.path.join(disk, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
        full = box.weft("create", "-o", os.path.join(disk, "y.torrent"), top, expect=5)
        lib.check("no space left" in full.err, "says something else", full)
        box.weft("edit", "--comment", "x" * 9000, out, expect=5)
        lib.check(disks.content(out) == before, "the old torrent is damaged")
        lib.check(sorted(os.listdir(disk)) == ["filler", "x.torrent"], "left behind",
                  os.listdir(disk))


@lib.case("edit changes what stands beside info, keeps unknown keys, mode and info hash")
def _(box):
    torrent = Torrent(100000)
    tiers = [["http://a/1", "http://a/2"], ["udp://b:1"]]
    path = torrent.write_torrent(box.path("t.torrent"), tiers, zz={"k": [1, b"\xff"]},
                                 nodes=[["h", 1]])
    os.chmod(path, 0o640)
    result = box.weft("edit", "--remove-tracker", "http://a/2", "--add-tracker",
                      "http://c/,http://d/", "--web-seed", "http://s/", "--comment", "new", path,
                      expect=0)
    lib.check(field(result, "Info Hash") == torrent.info_hash.hex(), "another hash", result)
    lib.check(os.stat(path).st_mode & 0o777 == 0o640, "another mode")
    lib.check(decoded(path) == {
        b"announce": b"http://a/1", b"comment": b"new", b"nodes": [[b"h", 1]],
        b"announce-list": [[b"http://a/1"], [b"udp://b:1"], [b"http://c/", b"http://d/"]],
        b"info": bdecode(bencode(torrent.info))[0], b"url-list": [b"http://s/"],
        b"zz": {b"k": [1, b"\xff"]}}, "other content", decoded(path))
    box.weft("edit", "--no-trackers", "--no-web-seeds", "--no-comment", "-o", "u.torrent", path,
             expect=0)
    left = sorted(decoded(box.path("u.torrent")))
    lib.check(left == [b"info", b"nodes", b"zz"], "too much stays", left)
    lib.check(b"announce" in decoded(path), "the original was changed, too")
    box.weft("edit", "--comment", "c", "-o", "u.torrent", path, expect=5)
    box.weft("edit", path, expect=2)
    box.weft("edit", "--remove-tracker", "http://unknown/", path, expect=2)
    lib.check(leftovers(box) == ["downloads", "t.torrent", "u.torrent"], "left", leftovers(box))


@lib.case("hybrid and version 2 torrents keep both hashes in edit, and magnet names them")
def _(box):
    for name, has_v1 in (("hybrid.torrent", True), ("v2only.torrent", False)):
        source = os.path.join(FIXTURES, name)
        link = box.weft("magnet", source, expect=0).out.strip()
        lib.check(("xt=urn:btih:" in link) == has_v1 and "xt=urn:btmh:1220" in link, "lacks one",
                  link)
        edited = box.weft("edit", "--tracker", "http://t/", "-o", name, source, expect=0)
        lib.check(field(edited, "Magnet").split("&dn=")[0] == link.split("&dn=")[0],
                  "another torrent", edited)
        same = subprocess.run(
            ["/usr/bin/python3", "-c",
             "import sys, libtorrent as lt\n"
             "h = lt.torrent_info(sys.argv[1]).info_hashes()\n"
             "p = lt.parse_magnet_uri(sys.argv[2]).info_hashes\n"
             "sys.exit(h.has_v1() != p.has_v1() or h.has_v2() != p.has_v2() or h.v1 != p.v1 or "
             "h.v2 != p.v2)\n",
             box.path(name), link], check=False)
        lib.check(same.returncode == 0, "libtorrent reads other hashes", link)


@lib.case("magnet carries name, trackers and web seeds, or the hash alone")
def _(box):
    torrent = Torrent(1000, name="a b&c")
    path = torrent.write_torrent(box.path("t.torrent"), [["http://a/?k=1&l=2"], ["udp://b:1"]],
                                 **{"url-list": "http://s/x"})
    link = box.weft("magnet", path, expect=0).out
    start = "magnet:?xt=urn:btih:" + torrent.info_hash.hex() + "&dn=a%20b%26c"
    lib.check(link == start + "&tr=http%3A%2F%2Fa%2F%3Fk%3D1%26l%3D2&tr=udp%3A%2F%2Fb%3A1"
              "&ws=http%3A%2F%2Fs%2Fx\n", "another link", link)
    bare = box.weft("magnet", "--no-trackers", path, expect=0).out
    lib.check(bare == start + "\n", "another link", bare)
    box.weft("magnet", os.path.join(FIXTURES, "bad-both.torrent"), expect=3)


if __name__ == "__main__":
    lib.main()
