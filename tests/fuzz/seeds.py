#!/usr/bin/python3
"""Writes the seeds of the fuzz corpora of proto/ from the fixtures, under readable names.

    tests/fuzz/seeds.py

tests/fuzz/corpus/TARGET/ holds these seeds and, named by their SHA-1, the few inputs of the
fuzzer's own that reach code which the seeds do not reach (-set_cover_merge=1 chose them).
"""

import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "fixtures")
BENCODE = {
    "integers": b"li0ei-1ei9223372036854775807ei-9223372036854775808ei9223372036854775808ee",
    "strings": b"l0:1:a3:\x00\xff:10:0123456789e",
    "nested": b"d1:ad1:bld1:cleeleeee",
    "unsorted": b"d1:bi1e1:ai2e1:bi3ee",
    "leading-zero": b"li01ee", "minus-zero": b"i-0e", "long-string": b"9999999999:a",
    "no-value": b"d1:ae", "integer-key": b"di1ei2ee", "open": b"lllld", "deep": b"l" * 101,
}
# What departs from canonical form, and what looks like our own marks in JSON.
DECODE = {
    "all-at-once": b"d1:bi01e1:ali-0ee1:a02:xye\n", "repeated": b"d1:a0:1:b0:1:a0:e",
    "integers": b"li+5eiei1.5ei--5ei-07ee", "blanks": b"d1:a i1e\n1:bi2e e",
    "keys": b"di1ei2ele0:1:ae", "cut": b"d4:infod6:lengthi5", "no-colon": b"l5hello",
    "marks": b"d4:hex:6:hex:ff2:\xff\x003:\xed\xb2\x80e",
    "text": b"l2:\xc2\x9b3:\xe2\x80\xae4:\x1b[2Je",
    "long-integer": b"i-123456789012345678901234567890e",
    "metadata": b"d8:msg_typei1e5:piecei0e10:total_sizei8eeDATADATA",
    "dht": b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaa6:target20:bbbbbbbbbbbbbbbbbbbbe1:q9:find_node"
           b"1:t2:aa1:y1:qe",
    "scrape": b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei5eeee",
}
SCRAPE = {
    "url": b"http://t.example:80/x/announce.php?key=1#top", "two": b"http://t/announce/announce/",
    "no-url": b"http://announce/a?b=/announce", "failure": b"d14:failure_reason2:noe",
    "no-torrent": b"d5:filesdee", "found": b"d5:filesd20:" + b"a" * 20 + b"d8:completei1eeee",
}

HASH = "ad42ce8109f54c99613ce38f9b4d87e70f24a165"
MAGNETS = {
    "hash": "xt=urn:btih:" + HASH,
    "base32": "xt=urn:btih:VVBM5AIJ6VGJSYJ44OHZWTMH44HSJILF",
    "hybrid": "xt=urn:btih:%s&xt=urn:btmh:1220%s" % (HASH, "5a" * 32),
    "full": "xt=urn%%3Abtih:%s&dn=a%%20b+c&tr=http%%3A%%2F%%2Ft%%2Fa%%3Fk=1&tr.2=udp://u:1&ws=http:"
            "//w/&x.pe=192.0.2.1:1&x.pe=%%5B2001:db8::1%%5D:2&x.pe=host:3&so=0,2,4-6" % HASH,
    "odd": "amp;xt.1=urn:btih:%s&dn=%%00%%zz%%&tr=%%0a&so=,3-1,-,1-,9999999&=&x" % HASH,
    "two": "xt=urn:btih:%s&xt=urn:btih:%s" % (HASH, "0" * 40),
    "short": "xt=urn:btih:" + HASH[:-1],
}
METADATA = {
    "request": [b"d8:msg_typei0e5:piecei0ee"],
    "reject": [b"d8:msg_typei2e5:piecei0ee"],
    "unknown": [b"d8:msg_typei9e5:piecei0ee"],
    "whole": [b"d8:msg_typei1e5:piecei0e10:total_sizei300ee" + b"x" * 300],
    "twice": 2 * [b"d8:msg_typei1e5:piecei0e10:total_sizei300ee" + b"x" * 300],
    "lying": [b"d8:msg_typei1e5:piecei1e10:total_sizei301ee" + b"x" * 300, b"d8:msg_typei1e"],
}


def fixture(name):
    """The bytes of one fixture."""
    with open(os.path.join(FIXTURES, name), "rb") as source:
        return source.read()


def write(target, name, data):
    """One seed."""
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def messages(stream):
    """The single messages of a stream."""
    while stream:
        size = 4 + struct.unpack(">I", stream[:4])[0]
        yield stream[:size]
        stream = stream[size:]


def main():
    """Writes all of them."""
    for name in sorted(os.listdir(FIXTURES)):
        if name.endswith(".torrent"):
            write("metainfo", name, fixture(name))
        elif name == "reply-scrape.bin":
            reply = fixture(name)
            write("scrape", name, reply[reply.index(b"20:") + 3:][:20] + reply)
        elif name.startswith("reply-"):
            write("announce", name, fixture(name))
    for name, data in BENCODE.items():
        write("bencode", name, data)
    for name, text in SCRAPE.items():
        write("scrape", name, b"a" * 20 + text)
    write("bencode", "torrent", fixture("single.torrent"))
    for name, data in DECODE.items():
        write("decode", name, data)
    for name in ("unsorted.torrent", "reply-compact.bin", "ext-handshake.bin"):
        write("decode", name, fixture(name))
    write("extend", "ext-handshake.bin", fixture("ext-handshake.bin"))
    write("extend", "empty", b"de")
    write("extend", "senseless", b"d1:md6:ut_pexi300ee13:metadata_sizei-1e1:pi0e4:reqqi-1e"
          b"11:upload_onlyi2e6:yourip3:abce")
    for name, text in MAGNETS.items():
        write("magnet", name, ("magnet:?" + text).encode())
    for name, payloads in METADATA.items():
        for right in range(2):
            write("metadata", "%s-%d" % (name, right), struct.pack(">HB", 3, right)
                  + b"".join(struct.pack(">H", len(p)) + p for p in payloads))
    session = fixture("session.bin")
    write("wire", "handshake", b"\0" + fixture("handshake.bin"))
    for choice in range(4):
        write("wire", "session-%d" % choice, bytes([choice]) + session)
    for message in messages(session):
        number = message[4] if len(message) > 4 else 256
        write("wire", "message-%d" % number, b"\0" + message[:100])


if __name__ == "__main__":
    main()
