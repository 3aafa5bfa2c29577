"""Payloads of random bytes and their torrents, the same ones every time; see maketorrent.

A payload depends on its size alone, so torrents of different piece lengths share it. What is there
already is taken as it is.
"""

import hashlib
import os
import random

CHUNK = 1 << 20
UNITS = {"": 1}
for power, letter in enumerate("kMGT", 1):
    UNITS[letter] = UNITS[letter.upper()] = 1000 ** power
    UNITS[letter + "i"] = UNITS[letter.upper() + "i"] = 1024 ** power


def size(text):
    """The number of bytes that a text such as 256Mi names."""
    digits = text.rstrip("kKMGTi")
    return int(float(digits) * UNITS[text[len(digits):]])


def bencode(value):
    """The canonical bencoding (BEP 3) of numbers, bytes, lists and dictionaries."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(v) for k, v in sorted(value.items())) + b"e"


def write_whole(path, chunks):
    """Writes chunks to path so that the file is there whole or not at all."""
    with open(path + ".new", "wb") as out:
        for chunk in chunks:
            out.write(chunk)
    os.rename(path + ".new", path)


def random_chunks(length):
    source = random.Random(length)
    for left in range(length, 0, -CHUNK):
        yield source.randbytes(min(CHUNK, left))


def piece_hashes(path, piece_length):
    with open(path, "rb") as data:
        while piece := data.read(piece_length):
            yield hashlib.sha1(piece).digest()


def hashes(torrent):
    """The piece hashes in the bytes of a torrent."""
    head, _, rest = torrent.partition(b"6:pieces")
    length, _, rest = rest.partition(b":")
    return rest[:int(length)] if head and length.isdigit() else None


def make(directory, length, piece_length, announce, private=True):
    """Makes what is missing; returns the paths of the .torrent and of the payload."""
    os.makedirs(directory, exist_ok=True)
    name = "payload-%d" % length
    payload = os.path.join(directory, name)
    if not os.path.exists(payload) or os.path.getsize(payload) != length:
        write_whole(payload, random_chunks(length))
    key = hashlib.sha1(("%s %s" % (announce, private)).encode()).hexdigest()[:8]
    torrent = os.path.join(directory, "%s-%d-%s.torrent" % (name, piece_length, key))
    if not os.path.exists(torrent):
        info = {b"name": name.encode(), b"length": length, b"piece length": piece_length,
                b"pieces": b"".join(piece_hashes(payload, piece_length))}
        if private:
            info[b"private"] = 1
        write_whole(torrent, [bencode({b"announce": announce.encode(), b"info": info})])
    return torrent, payload
