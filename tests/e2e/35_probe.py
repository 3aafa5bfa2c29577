#!/usr/bin/python3 -B
"""Goal: `weft probe` says what a peer is, and why it can't be had. Against libtorrent, aria2 and
transmission, which it must know by name; against scripted peers whose every field is known, what is
shown is compared with what they really said; and each way to fail has its exit code, its sentence
and its word in --json."""

import json
import os
import struct

import lib
import peers
import strict
from torrents import KIB, MIB, bdecode, bencode

BITS = {"DHT": 5, "fast extension": 6, "extension protocol": 10}


def weft(box, *arguments, **rest):
    """Runs weft to its end; peers may be among the arguments."""
    return box.weft(*map(str, arguments), **rest)


def probe(box, *arguments, expect=0, **rest):
    """The object that --json prints, and the Result."""
    result = weft(box, "probe", "--json", *arguments, expect=expect, **rest)
    lib.check(result.out.count("\n") == 1, "not one line", result)
    told = json.loads(result.out)
    lib.check(told["version"] == 1 and (told["failure"] is None) == (told["why"] is None),
              "not well formed", result)
    return told, result


def public(torrent):
    """The same, but not private."""
    del torrent.info["private"]
    torrent.info_hash = lib.info_hash(torrent.info)
    torrent.write_torrent(torrent.file)
    return torrent


def transmission(box, torrent):
    """A transmission seeder on 127.0.0.1; its address. Nobody else may have dialled it before: it
    takes one handshake from an address at a time."""
    lib.needs_program("transmission-cli")
    torrent.write_data(torrent.seeds)
    port = lib.free_port()
    config = box.path("transmission.%d" % box.number())
    os.mkdir(config)
    with open(os.path.join(config, "settings.json"), "w") as out:
        json.dump({"bind-address-ipv4": "127.0.0.1", "dht-enabled": False, "encryption": 0,
                   "lpd-enabled": False, "pex-enabled": False, "port-forwarding-enabled": False,
                   "ratio-limit-enabled": False, "utp-enabled": False}, out)
    box.spawn(["transmission-cli", "--config-dir", config, "--download-dir", torrent.seeds,
               "--port", str(port), "--no-portmap", torrent.file], ready="Seeding")
    return "127.0.0.1:%d" % port


@lib.case("libtorrent, aria2 and transmission are known by name, and all that they have is seen")
def _(box):
    torrent = public(box.torrent(1 * MIB + 5, piece_length=64 * KIB))
    for start, client, bits in ((box.libtorrent, "libtorrent ", BITS),
                                (box.aria2, "aria2 1.", {}),
                                (lambda t: transmission(box, t), "Transmission ", {})):
        peer = start(torrent)
        told, result = probe(box, torrent.file, peer)
        lib.check(told["handshake"]["client"].startswith(client), "another client", result)
        found = {bit["name"]: bit["bep"] for bit in told["handshake"]["bits"]}
        for name, bep in dict(bits, **{"extension protocol": 10}).items():
            lib.check(found.get(name) == bep, name, result)
        lib.check(told["pieces"] == {"have": 17, "total": 17, "all": True}, "other pieces", result)
        lib.check(told["extension"]["m"]["ut_metadata"] > 0, "no metadata offered", result)
        lib.check(told["extension"]["metadata_size"] == len(bencode(torrent.info)), "size", result)
        lib.check(told["metadata"] == "given", "no metadata", result)
        lib.check(told["times"]["dial_us"] > 0 and told["times"]["handshake_us"] > 0
                  and told["times"]["rtt_us"] > 0, "no times", result)
        if client != "Transmission ":  # it may take longer to unchoke than we wait
            lib.check(told["block"] == "given" and told["times"]["unchoke_us"] > 0, "block", result)
            text = weft(box, "probe", torrent.info_hash.hex(), peer, expect=0)
            lib.check("Client: " + client in text.out and "extension protocol (BEP 10)" in text.out,
                      "another text", text)


class Told(strict.StrictPeer):
    """Says exactly this after the handshakes: raw bytes, then messages as they are asked for."""

    def __init__(self, torrent, says=b"", reserved=strict.EXTENSION_BIT,
                 peer_id=b"-qB4650-abcdefghijkl", unchokes=True, answers=True, **rest):
        super().__init__(torrent, **rest)
        self.says, self.reserved, self.peer_id = says, reserved, peer_id
        self.unchokes, self.answers = unchokes, answers

    def accepted(self, connection):
        self.theirs = connection.read(68)
        self.greet(connection)
        connection.write(self.says)
        while True:
            kind, payload = self.next_message(connection)
            if kind == peers.EXTENDED and payload[:1] == b"\0":
                self.their_id = bdecode(payload, 1)[0][b"m"][b"ut_metadata"]
            elif kind == peers.EXTENDED and self.answers:
                answer = bencode({"msg_type": 2, "piece": 0})
                connection.message(peers.EXTENDED, bytes([self.their_id]) + answer)
            elif kind == peers.INTERESTED and self.unchokes:
                connection.message(peers.UNCHOKE)
            elif kind == peers.REQUEST and self.answers:
                connection.message(16, payload)


def message(kind, payload=b""):
    """One message as bytes."""
    return struct.pack(">IB", len(payload) + 1, kind) + payload


EXTENSION = {"m": {"ut_metadata": 3, "ut_pex": 0, "\x1b[2J": 9}, "v": "odd \x1b]0;x\x07 client",
             "reqq": 77, "p": 5555, "metadata_size": 1000, "yourip": bytes([192, 0, 2, 9])}


@lib.case("what is shown is what the peer said, field by field")
def _(box):
    torrent = box.torrent(10 * 64 * KIB, piece_length=64 * KIB)
    says = message(peers.BITFIELD, b"\xa0\x40") \
        + message(peers.EXTENDED, b"\0" + bencode(EXTENSION))
    peer = box.peer(Told, torrent, says, bytes.fromhex("8000080000130017"))
    told, result = probe(box, torrent.file, peer)
    lib.check(told["address"] == str(peer) and told["info_hash"] == torrent.info_hash.hex(),
              "another peer", result)
    shake = told["handshake"]
    lib.check(shake["peer_id"] == peer.peer_id.hex() and shake["client"] == "qBittorrent 4.6.5"
              and shake["reserved"] == "8000080000130017", "another handshake", result)
    names = {bit["name"]: bit["bep"] for bit in shake["bits"]}
    lib.check(names == dict(BITS, **{"XBT peer exchange": None, "BitTorrent v2": 52,
                                     "extension negotiation, low bit": None,
                                     "extension negotiation, high bit": None,
                                     "location-aware protocol": None,
                                     "Azureus messaging protocol": None}), "other bits", names)
    wanted = {"m": EXTENSION["m"], "v": EXTENSION["v"], "p": 5555, "reqq": 77,
              "metadata_size": 1000, "upload_only": None, "yourip": "192.0.2.9"}
    lib.check(told["extension"] == wanted, "another extension handshake", result)
    lib.check(told["pieces"] == {"have": 3, "total": 10, "all": False}, "other pieces", result)
    lib.check(told["metadata"] == "refused" and told["block"] == "refused", "not refused", result)
    lib.check(told["times"]["unchoke_us"] > 0 and not told["closed"], "not unchoked", result)
    text = weft(box, "probe", torrent.file, peer, expect=0)
    for line in ("Client: qBittorrent 4.6.5", "Calls Itself: odd \\x1b]0;x\\x07 client",
                 "Extensions: \\x1b[2J 9, ut_metadata 3, ut_pex 0", "Pieces: 3 of 10",
                 "Takes: 77 requests at a time", "Sees Us As: 192.0.2.9", "Listens On Port: 5555",
                 "Metadata: refused", "Block: refused (of piece 0)", "Metadata Size: 1000 bytes"):
        lib.check(line + "\n" in text.out, line, text)


@lib.case("it sends nothing but what its essay says, and what the peer's bits allow")
def _(box):
    torrent = box.torrent(64 * KIB, piece_length=64 * KIB)
    plain = box.peer(Told, torrent, message(peers.BITFIELD, b"\x80"), bytes(8))
    probe(box, torrent.file, plain)
    lib.check([kind for kind, _ in plain.heard] == [peers.INTERESTED, peers.REQUEST],
              "other messages", plain.heard)
    lib.check(plain.theirs[20:28].hex() == "0000000000100004", "other bits", plain.theirs)
    fast = box.peer(Told, torrent, message(15), bytes.fromhex("0000000000000004"))
    told, result = probe(box, torrent.file, fast)
    lib.check([kind for kind, _ in fast.heard] == [15, peers.INTERESTED], "other messages",
              fast.heard)
    lib.check(told["pieces"] == {"have": 0, "total": 1, "all": False}, "other pieces", result)
    lib.check(told["extension"] is None and told["metadata"] == "not asked", "extension", result)


@lib.case("without a torrent: a link or a hash will do; with nothing, little is learned")
def _(box):
    torrent = box.torrent(10 * 64 * KIB, piece_length=64 * KIB)
    peer = box.peer(Told, torrent, message(peers.BITFIELD, b"\xff\xc0"))
    for what in (torrent.info_hash.hex(), strict.magnet(torrent)):
        told, result = probe(box, what, peer)
        lib.check(told["pieces"] == {"have": 10, "total": None, "all": False}, "pieces", result)
        lib.check(told["block"] == "not asked", "asked for a block", result)
    hangs_up = box.peer(Hangs, torrent, 0)
    told, result = probe(box, hangs_up)
    lib.check(told["info_hash"] is None and told["handshake"] is None
              and told["times"]["dial_us"] > 0, "another answer", result)
    text = weft(box, "probe", hangs_up, expect=0)
    lib.check("no peer answers without a TORRENT" in text.out, "another text", text)


class Hangs(peers.Peer):
    """Hangs up after `step`: 0 their handshake, 1 ours, 2 the bitfield."""

    def __init__(self, torrent, step, **rest):
        self.step = step
        super().__init__(torrent, **rest)

    def accepted(self, connection):
        connection.read(68)
        if self.step > 0:
            self.greet(connection)
        if self.step > 1:
            self.introduce(connection)
            connection.next_message()


class Raw(peers.Peer):
    """Answers the handshake with these bytes and keeps silent."""

    def __init__(self, torrent, answer, **rest):
        self.answer = answer
        super().__init__(torrent, **rest)

    def accepted(self, connection):
        connection.read(68)
        connection.write(self.answer)
        connection.drain()


@lib.case("each way to fail has its exit code, its word and its sentence")
def _(box):
    torrent = box.torrent(64 * KIB, piece_length=64 * KIB)
    good = peers.PROTOCOL + bytes(8) + torrent.info_hash + b"-XX0000-abcdefghijkl"
    rows = [
        ("127.0.0.1:1", 4, "refused", "connection refused"),
        (box.peer(Hangs, torrent, 0), 4, "hung up", "it hung up on our handshake"),
        (box.peer(peers.Silent, torrent), 7, "silent", "it sent no handshake in time"),
        (box.peer(Raw, torrent, b"SSH-2.0-OpenSSH_9.2\r\n"), 1, "not bittorrent",
         "not BitTorrent"),
        (box.peer(Raw, torrent, good[:28] + bytes(20) + good[48:]), 8, "another torrent",
         "it answers for another torrent, 0000"),
        (box.peer(Raw, torrent, good + message(peers.HAVE, b"\0\0\0\x01")), 1, "protocol",
         "it claims piece 1"),
        (box.peer(Raw, torrent, good + message(peers.BITFIELD, b"\x80\x00")), 1, "protocol",
         "a message that cannot be"),
        (box.peer(Raw, torrent, good + b"\x7f\xff\xff\xff"), 1, "protocol", "a message of"),
    ]
    if os.environ.get(lib.INSIDE):
        rows.append(("192.0.2.1:6881", 4, "no route", "there is no route"))
    for peer, code, word, words in rows:
        patience = "1.5" if code == 7 else "60"
        told, result = probe(box, "--timeout", patience, torrent.file, peer, expect=code)
        lib.check(told["failure"] == word and words in told["why"], "another reason", result)
        lib.check(words in result.err and result.err.count("\n") == 1, "stderr", result)
        text = weft(box, "probe", "--timeout", patience, torrent.file, peer, expect=code)
        lib.check(text.out.startswith("Address: %s\n" % peer) and words in text.err, "text", text)
    for arguments, code in ((["x"], 2), ([torrent.file, "x"], 2), (["missing.torrent",
                            "127.0.0.1:1"], 3), (["magnet:?x", "127.0.0.1:1"], 3), ([], 2)):
        result = weft(box, "probe", *arguments, expect=code)
        lib.check(result.out == "" and result.err.count("\n") == 1, arguments, result)


@lib.case("who hangs up, keeps choking or answers nothing later on has been probed all the same")
def _(box):
    torrent = box.torrent(64 * KIB, piece_length=64 * KIB)
    for step, pieces in ((1, None), (2, {"have": 1, "total": 1, "all": True})):
        told, result = probe(box, torrent.file, box.peer(Hangs, torrent, step))
        lib.check(told["closed"] and told["pieces"] == pieces, "another end", result)
    says = message(peers.BITFIELD, b"\x80") + message(peers.EXTENDED, b"\0" + bencode(EXTENSION))
    choker = box.peer(Told, torrent, says, unchokes=False)
    told, result = probe(box, "--timeout", "1.5", torrent.file, choker)
    lib.check(told["times"]["unchoke_us"] is None and told["block"] == "not asked", "choke", result)
    mute = box.peer(Told, torrent, says, answers=False)
    told, result = probe(box, "--timeout", "1.5", torrent.file, mute)
    lib.check(told["metadata"] == told["block"] == "no answer", "answers", result)


if __name__ == "__main__":
    lib.main()
