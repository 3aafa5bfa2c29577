"""Makes torrents for the scenarios: a small bencoder, and payloads that are the same every time.

A Torrent knows its files, its bytes and its hashes, can write the data and the .torrent
anywhere, and says of a folder whether the very same data are in it. It is written from BEP 3 and
shares nothing with weft, so that the two cannot be wrong in the same way."""

import hashlib
import os
import random

KIB = 1024
MIB = 1024 * 1024
BLOCK = 16 * KIB


def bencode(value):
    """The canonical bencoding (BEP 3) of numbers, bytes, text, lists and dictionaries."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    pairs = sorted((k.encode() if isinstance(k, str) else k, v) for k, v in value.items())
    return b"d" + b"".join(bencode(k) + bencode(v) for k, v in pairs) + b"e"


def bdecode(data, at=0):
    """(value, where it ends); enough for well-formed input, dictionaries with bytes as keys."""
    lead = data[at:at + 1]
    if lead == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if lead in (b"l", b"d"):
        at, items = at + 1, []
        while data[at:at + 1] != b"e":
            item, at = bdecode(data, at)
            items.append(item)
        return (items if lead == b"l" else dict(zip(items[::2], items[1::2]))), at + 1
    colon = data.index(b":", at)
    length = int(data[at:colon])
    return data[colon + 1:colon + 1 + length], colon + 1 + length


class File:
    """One file of a torrent: its path as a list of bytes, its length, whether it is padding."""

    def __init__(self, path, length, padding=False, offset=0):
        self.path = [p.encode() if isinstance(p, str) else p for p in path]
        self.length = length
        self.padding = padding
        self.offset = offset


class Torrent:
    """A torrent of random bytes.

    files: a number of bytes for a single-file torrent, else a list of (path, length) with the path
    as "a/b" or a list of elements; (None, length) is a padding file (BEP 47).
    """

    def __init__(self, files, name="payload", piece_length=256 * KIB, seed=1):
        self.name = name.encode() if isinstance(name, str) else name
        self.piece_length = piece_length
        self.single = isinstance(files, int)
        self.files, offset = [], 0
        for path, length in [(None, files)] if self.single else files:
            padding = path is None and not self.single
            if path is None:
                path = [".pad", str(length)] if padding else []
            elements = path.split("/") if isinstance(path, str) else path
            self.files.append(File(elements, length, padding, offset))
            offset += length
        self.data = self._payload(offset, seed)
        self.pieces = [hashlib.sha1(self.data[i:i + piece_length]).digest()
                       for i in range(0, offset, piece_length)]
        self.info = self._info()
        self.info_hash = hashlib.sha1(bencode(self.info)).digest()

    def _payload(self, length, seed):
        """Random bytes, zeros where there is padding."""
        data = bytearray(random.Random(seed).randbytes(length))
        for entry in self.files:
            if entry.padding:
                data[entry.offset:entry.offset + entry.length] = bytes(entry.length)
        return bytes(data)

    def _info(self):
        """The info dictionary."""
        info = {"name": self.name, "piece length": self.piece_length,
                "pieces": b"".join(self.pieces), "private": 1}
        if self.single:
            info["length"] = self.files[0].length
        else:
            info["files"] = [dict({"path": f.path, "length": f.length},
                                  **({"attr": "p"} if f.padding else {})) for f in self.files]
        return info

    def piece(self, index):
        """The bytes of one piece."""
        return self.data[index * self.piece_length:(index + 1) * self.piece_length]

    def write_torrent(self, path, tracker=None, **extra):
        """Writes the .torrent. `tracker`: one URL, or a list of tiers, each a list of URLs."""
        root = dict({"info": self.info}, **extra)
        if isinstance(tracker, list):
            root["announce-list"] = tracker
            tracker = tracker[0][0]
        if tracker:
            root["announce"] = tracker
        with open(path, "wb") as out:
            out.write(bencode(root))
        return path

    def places(self, folder, top=None):
        """[(path, file)] of the files that shall exist when the torrent is saved in `folder`."""
        base = os.path.join(os.fsencode(folder), os.fsencode(top) if top else self.name)
        return [(os.path.join(base, *f.path), f) for f in self.files if not f.padding]

    def write_data(self, folder):
        """Writes the payload below `folder`, under the torrent's name."""
        for path, entry in self.places(folder):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(self.data[entry.offset:entry.offset + entry.length])
        return folder

    def difference(self, folder, top=None):
        """What is not as it should be below `folder`, as one sentence; None if all is the same,
        compared by SHA-256, and no other file is there."""
        places = self.places(folder, top)
        for path, entry in places:
            try:
                with open(path, "rb") as source:
                    found = source.read()
            except OSError as error:
                return "%s: %s" % (os.fsdecode(path), error.strerror)
            wanted = self.data[entry.offset:entry.offset + entry.length]
            if hashlib.sha256(found).digest() != hashlib.sha256(wanted).digest():
                return "%s differs (%d bytes, not %d, or other ones)" % (
                    os.fsdecode(path), len(found), len(wanted))
        there = {os.path.join(where, name) for where, _, names in os.walk(os.fsencode(folder))
                 for name in names}
        extra = there - {path for path, _ in places}
        return "stray files: %s" % sorted(map(os.fsdecode, extra)) if extra else None
