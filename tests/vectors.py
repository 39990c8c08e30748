#!/usr/bin/env python3
"""Reads the golden vectors of crdt-schema/vectors/ and recomputes what they say.

Written from docs/protocol.md, not from the Rust code: where this and the Rust code agree, the document is
complete. Prints what failed and `N passed, N failed`; ends with 1 if anything failed.

Needs the packages of tests/requirements.txt.
"""

import base64
import hmac
import json
import re
import sys
import unicodedata
from pathlib import Path

import nacl.bindings
import nacl.exceptions
import nacl.signing
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from mnemonic import Mnemonic

VECTORS = Path(__file__).resolve().parent.parent / "crdt-schema" / "vectors"
RANGE_BYTES_MAX = 8 * 1024 * 1024
BODY_BYTES_MAX = 60 * 1024
TEXT_BYTES_MAX = 16 * 1024
EMBEDS_MAX = 3
EMBED_URL_BYTES_MAX = 1024
EMBED_TITLE_BYTES_MAX = 256
EMBED_DESCRIPTION_BYTES_MAX = 512
SEALED, AUTHORITY, IDENTITY, DELETION = 1, 2, 3, 4
ZERO = bytes(32)


class Malformed(Exception):
    """The bytes are not the canonical form of a value."""


class Checks:
    """Counts what holds and names what does not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def equal(self, name, found, expected):
        if found == expected:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {name}: found {shown(found)}, expected {shown(expected)}")

    def refused(self, name, read):
        try:
            found = read()
        except Malformed:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {name}: {shown(found)} was taken")


def shown(value):
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 200 else text[:200] + ".."


# Encoding


class Reader:
    """Reads values from the front of a byte string."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def raw(self, count):
        if count > len(self.data) - self.at:
            raise Malformed("the input ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, width):
        return int.from_bytes(self.raw(width), "little")

    def varint(self):
        value = 0
        for place in range(10):
            byte = self.number(1)
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (byte == 0 and place > 0) or value >= 1 << 64:
                    raise Malformed("not the shortest form of a number")
                return value
        raise Malformed("a number of over ten bytes")

    def zigzag(self):
        return unzigzag(self.varint())

    def count(self, most):
        value = self.varint()
        if value > most:
            raise Malformed(f"{value} is over the limit of {most}")
        return value

    def bytes(self, most=RANGE_BYTES_MAX):
        return self.raw(self.count(most))

    def ids(self, most):
        return [self.raw(32) for _ in range(self.count(most))]

    def option(self, read):
        flag = self.number(1)
        if flag > 1:
            raise Malformed("neither there nor not there")
        return read() if flag else None

    def end(self):
        if self.at != len(self.data):
            raise Malformed(f"{len(self.data) - self.at} bytes are left over")


def unzigzag(value):
    return (value >> 1) ^ -(value & 1)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def text_of_id(raw):
    return base64.b32encode(raw).decode().rstrip("=").lower()


# Hashes, signatures, ciphers


def derive(context, *parts):
    return blake3(b"".join(parts), derive_key_context=context).digest()


def keyed(key, data):
    return blake3(data, key=key).digest()


def signature_holds(public, message, signature):
    try:
        nacl.signing.VerifyKey(public).verify(message, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def encrypt(key, nonce, plaintext, associated=b""):
    return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated, nonce, key)


def decrypt(key, sealed, associated=b""):
    """The plaintext of a nonce of 24 bytes and a ciphertext."""
    nonce, ciphertext = sealed[:24], sealed[24:]
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, associated, nonce, key)
    except nacl.exceptions.CryptoError as error:
        raise Malformed("does not open") from error


# Envelope


def read_header(r):
    start = r.at
    header = {"kind": r.number(1)}
    if header["kind"] not in (SEALED, AUTHORITY, IDENTITY, DELETION) or r.number(1) != 1:
        raise Malformed("another kind or version")
    header |= {"scope": r.raw(32), "device": r.raw(32), "incarnation": r.number(4), "seq": r.number(8)}
    header |= {"prev": r.raw(32), "deps": r.ids(16), "auth": r.ids(8), "lamport": r.number(8)}
    header |= {"wall_ms": r.number(8), "epoch": r.raw(32), "body_len": r.number(4), "body_commit": r.raw(32)}
    if header["lamport"] >= 1 << 48:
        raise Malformed("lamport time over its limit")
    return header, r.data[start : r.at]


def write_header(header):
    ids = b"".join(varint(len(header[list_])) + b"".join(header[list_]) for list_ in ("deps", "auth"))
    return b"".join((
        bytes([header["kind"], 1]),
        header["scope"],
        header["device"],
        header["incarnation"].to_bytes(4, "little"),
        header["seq"].to_bytes(8, "little"),
        header["prev"],
        ids,
        header["lamport"].to_bytes(8, "little"),
        header["wall_ms"].to_bytes(8, "little"),
        header["epoch"],
        header["body_len"].to_bytes(4, "little"),
        header["body_commit"],
    ))


def id_of(header_bytes):
    return derive("alloquy event id v1", header_bytes)


def event_signature_holds(header, event_id, carrier, signature):
    message = b"ALLOQUY" + bytes([header["kind"], 1]) + event_id + carrier
    return signature_holds(header["device"], message, signature)


def read_event(r):
    """A verified event: header, id, body, signature."""
    header, raw = read_header(r)
    body, signature = r.bytes(BODY_BYTES_MAX), r.raw(64)
    event_id = id_of(raw)
    clear = header["kind"] != SEALED
    if header["body_len"] != len(body) or clear != (header["epoch"] == ZERO):
        raise Malformed("the body does not fit the header")
    if clear and header["body_commit"] != derive("alloquy clear body v1", body):
        raise Malformed("the commitment does not fit the body")
    if not event_signature_holds(header, event_id, blake3(body).digest(), signature):
        raise Malformed("the signature does not hold")
    return header, event_id, body, signature


def whole(read, data):
    r = Reader(data)
    value = read(r)
    r.end()
    return value


# Bodies under an epoch


def pad(body):
    least = len(body) + 1
    if least <= 32 * 1024:
        length = 32
        while length < least:
            length *= 2
    else:
        length = -(-least // 8192) * 8192
    return body + b"\x80" + bytes(length - least)


def log_bytes(header):
    return header["scope"] + header["device"] + header["incarnation"].to_bytes(4, "little")


def body_commit(secret, header, padded):
    position = log_bytes(header) + header["seq"].to_bytes(8, "little")
    return keyed(derive("alloquy body commit v1", secret, position), padded)


def seal_body(secret, header, event_id, padded):
    key = derive("alloquy body key v1", secret, log_bytes(header))
    return encrypt(key, derive("alloquy body nonce v1", event_id)[:24], padded, event_id)


# Ranges


def read_block(r):
    form = r.number(1)
    if form == 0:
        return r.bytes()
    if form != 1:
        raise Malformed("another form of a block")
    length, frame = r.count(RANGE_BYTES_MAX), r.bytes()
    stream = zstandard.ZstdDecompressor(max_window_size=RANGE_BYTES_MAX).decompressobj()
    try:
        data = stream.decompress(frame)
    except zstandard.ZstdError as error:
        raise Malformed("not a zstd frame") from error
    if not stream.eof or stream.unused_data or len(data) != length:
        raise Malformed("not the declared length")
    return data


def read_column(r, count):
    width = r.number(1)
    if width > 8:
        raise Malformed("a column of over eight bytes")
    planes = [r.raw(count) for _ in range(width)]
    if width and not any(planes[-1]):
        raise Malformed("a column wider than it needs")
    return [sum(plane[row] << (8 * place) for place, plane in enumerate(planes)) for row in range(count)]


def split(column, lengths):
    """Cuts a column into pieces of the given lengths."""
    pieces, at = [], 0
    for length in lengths:
        pieces.append(column[at : at + length])
        at += length
    return pieces


def read_columns(data, count):
    r = Reader(data)
    rows = {name: r.varint() for name in ("devices", "ids", "chains", "auth_sets")}
    columns = {"rows": rows, "first_lamport": r.varint(), "first_wall": r.varint()}
    for name in ("chain_device", "chain_incarnation", "chain_seq", "chain_prev"):
        columns[name] = read_column(r, rows["chains"])
    lengths = read_column(r, rows["auth_sets"])
    columns["auth_sets"] = split(read_column(r, sum(lengths)), lengths)
    for name in ("chain", "tag", "epoch", "lamport", "wall", "auth"):
        columns[name] = read_column(r, count)
    lengths = read_column(r, count)
    columns["deps"] = split(read_column(r, sum(lengths)), lengths)
    carried_or_absent = sum((tag >> 3 & 3) != 2 for tag in columns["tag"])
    columns["body_len"] = iter(read_column(r, carried_or_absent))
    r.end()
    return columns


def read_range(data):
    r = Reader(data)
    if r.number(1) != 1:
        raise Malformed("another version")
    packed = {"scope": r.raw(32), "count": r.varint()}
    packed["columns"] = read_columns(read_block(r), packed["count"])
    packed["hashes"] = Reader(r.bytes())
    packed["sealed"] = [(r.raw(32), r.bytes()) for _ in range(r.count(64))]
    packed["carried"] = Reader(read_block(r))
    r.end()
    return packed


class Walk:
    """Recomputes the events of a range, in order."""

    def __init__(self, data, secrets):
        self.packed = packed = read_range(data)
        self.columns = columns = packed["columns"]
        hashes, rows = packed["hashes"], columns["rows"]
        self.secrets = secrets
        self.devices = [hashes.raw(32) for _ in range(rows["devices"])]
        self.ids = [hashes.raw(32) for _ in range(rows["ids"])]
        forms = [(tag & 7, tag >> 3 & 3) for tag in columns["tag"]]
        commits = sum(form == 0 or (form == 1 and kind == SEALED) for kind, form in forms)
        self.commits = iter([hashes.raw(32) for _ in range(commits)])
        self.carriers = iter([hashes.raw(32) for tag in columns["tag"] if tag >> 5 & 3 == 2])
        self.open = [self.open_bodies(row, *sealed) for row, sealed in enumerate(packed["sealed"])]
        self.chains = [
            {"seq": seq, "prev": self.ids[prev - 1] if prev else ZERO, "lamport": None, "unsigned": 0}
            for seq, prev in zip(columns["chain_seq"], columns["chain_prev"])
        ]
        self.left = [columns["chain"].count(chain) for chain in range(rows["chains"])]
        self.events = []
        self.wall = columns["first_wall"]
        while len(self.events) < packed["count"]:
            self.events.append(self.event(len(self.events)))
        for rest in (hashes, packed["carried"]):
            rest.end()

    def open_bodies(self, row, epoch, sealed):
        if not sealed:
            return iter(())
        block = decrypt(derive("alloquy range key v1", self.secrets[epoch]), sealed)
        nonce_key = derive("alloquy range nonce v1", self.secrets[epoch])
        if keyed(nonce_key, block)[:24] != sealed[:24]:
            raise Malformed("the nonce is not that of the block")
        bodies = Reader(whole(read_block, block))
        where = zip(self.columns["tag"], self.columns["epoch"])
        count = sum(tag >> 3 & 3 == 2 and of == row for tag, of in where)
        texts = [bodies.raw(length) for length in read_column(bodies, count)]
        bodies.end()
        return iter(texts)

    def event(self, place):
        columns = self.columns
        tag, chain_number = columns["tag"][place], columns["chain"][place]
        kind, form, proof, genesis = tag & 7, tag >> 3 & 3, tag >> 5 & 3, tag >> 7
        chain = self.chains[chain_number]
        deps, times = self.deps(place)
        above = [time for time in [*times, chain["lamport"]] if time is not None]
        before = self.events[-1]["header"]["lamport"] if self.events else columns["first_lamport"]
        expected = 1 + max(above) if above else before
        self.wall = (self.wall + unzigzag(columns["wall"][place])) % (1 << 64)
        header = {
            "kind": kind,
            "scope": ZERO if genesis else self.packed["scope"],
            "device": self.devices[columns["chain_device"][chain_number]],
            "incarnation": columns["chain_incarnation"][chain_number],
            "seq": chain["seq"],
            "prev": chain["prev"],
            "deps": deps,
            "auth": [self.ids[row] for row in columns["auth_sets"][columns["auth"][place]]],
            "lamport": expected + unzigzag(columns["lamport"][place]),
            "wall_ms": self.wall,
            "epoch": self.packed["sealed"][columns["epoch"][place]][0] if kind == SEALED else ZERO,
        }
        event = {"header": header, "plaintext": None, "body": None, "signature": None, "carrier": None}
        self.body(event, form, columns["epoch"][place])
        event["id"] = id_of(write_header(header))
        if genesis and event["id"] != self.packed["scope"]:
            raise Malformed("a genesis of another scope")
        if form == 2:
            padded = pad(event["plaintext"])
            event["body"] = seal_body(self.secrets[header["epoch"]], header, event["id"], padded)
        self.check_order(event)
        self.prove(event, chain, proof, last=self.left[chain_number] == 1)
        self.left[chain_number] -= 1
        chain |= {"seq": chain["seq"] + 1, "prev": event["id"], "lamport": header["lamport"]}
        return event

    def deps(self, place):
        deps, times = [], []
        for reference in self.columns["deps"][place]:
            if reference & 1:
                deps.append(self.ids[reference >> 1])
            else:
                event = self.events[place - 1 - (reference >> 1)]
                deps.append(event["id"])
                times.append(event["header"]["lamport"])
        return deps, times

    def body(self, event, form, row):
        header = event["header"]
        if form == 2:
            event["plaintext"] = next(self.open[row])
            padded = pad(event["plaintext"])
            header["body_len"] = len(padded) + 16
            header["body_commit"] = body_commit(self.secrets[header["epoch"]], header, padded)
            return
        header["body_len"] = next(self.columns["body_len"])
        if form == 1:
            event["body"] = self.packed["carried"].raw(header["body_len"])
        if form == 1 and header["kind"] != SEALED:
            header["body_commit"] = derive("alloquy clear body v1", event["body"])
        else:
            header["body_commit"] = next(self.commits)

    def check_order(self, event):
        def key(event):
            header = event["header"]
            return [header[field] for field in ("lamport", "device", "incarnation", "seq")] + [event["id"]]

        if self.events and key(self.events[-1]) >= key(event):
            raise Malformed("events out of order")

    def prove(self, event, chain, proof, last):
        if proof == 0 and not last:
            chain["unsigned"] += 1
            if chain["unsigned"] > 63:
                raise Malformed("too few signatures")
            return
        chain["unsigned"] = 0
        given = None if event["body"] is None else blake3(event["body"]).digest()
        carrier = next(self.carriers) if proof == 2 else given
        signature = self.packed["hashes"].raw(64)
        if carrier is None or not event_signature_holds(event["header"], event["id"], carrier, signature):
            raise Malformed("the signature does not hold")
        event |= {"carrier": carrier, "signature": signature}


# Epochs: HPKE (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305, base mode


def extract(salt, data):
    return hmac.digest(salt or bytes(32), data, "sha256")


def expand(key, info, length):
    out, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


def labeled_extract(suite, salt, label, data):
    return extract(salt, b"HPKE-v1" + suite + label + data)


def labeled_expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def hpke_open(enc, secret, info, ciphertext):
    private = X25519PrivateKey.from_private_bytes(secret)
    kem = b"KEM" + (0x20).to_bytes(2, "big")
    shared_point = private.exchange(X25519PublicKey.from_public_bytes(enc))
    eae = labeled_extract(kem, b"", b"eae_prk", shared_point)
    shared = labeled_expand(kem, eae, b"shared_secret", enc + private.public_key().public_bytes_raw(), 32)
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x20, 1, 3))
    context = b"\x00" + labeled_extract(suite, b"", b"psk_id_hash", b"")
    context += labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, 32)
    nonce = labeled_expand(suite, secret, b"base_nonce", context, 12)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, b"")
    except InvalidTag as error:
        raise Malformed("the wrap does not open") from error


# The files


def unhex(value):
    return bytes.fromhex(value)


def load(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def check_encoding(checks):
    vectors = load("encoding.json")
    for vector in vectors["varint"]:
        checks.equal("varint", whole(Reader.varint, unhex(vector["bytes"])), int(vector["value"]))
        checks.equal("varint written", varint(int(vector["value"])), unhex(vector["bytes"]))
    for vector in vectors["zigzag"]:
        checks.equal("zigzag", whole(Reader.zigzag, unhex(vector["bytes"])), int(vector["value"]))
    for refused in vectors["varint_refused"]:
        checks.refused(f"varint {refused}", lambda: whole(Reader.varint, unhex(refused)))
    for name, width in (("u16", 2), ("u32", 4), ("u64", 8)):
        vector = vectors[name]
        checks.equal(name, whole(lambda r: r.number(width), unhex(vector["bytes"])), int(vector["value"]))
    checks.equal("text", whole(Reader.bytes, unhex(vectors["text"]["bytes"])).decode(), vectors["text"]["value"])
    option = lambda r: r.option(lambda: r.raw(32))
    checks.equal("none", whole(option, unhex(vectors["none"]["bytes"])), None)
    checks.equal("some", whole(option, unhex(vectors["some"]["bytes"])).hex(), vectors["some"]["value"])
    ids = whole(lambda r: r.ids(10), unhex(vectors["list"]["bytes"]))
    checks.equal("list", [item.hex() for item in ids], vectors["list"]["value"])
    for vector in vectors["id_text"]:
        checks.equal("text of an id", text_of_id(unhex(vector["id"])), vector["text"])


# Field tags: how many ids follow, and the kind of value that each takes.
CONTENT_FIELDS = {
    **{tag: (0, "text") for tag in (1, 2)},
    **{tag: (1, "text") for tag in (4, 5, 8, 10, 11, 12, 13, 20, 21, 25)},
    6: (1, "channel"),
    7: (1, "number"),
    9: (2, "present"),
    22: (None, "text"),
    23: (1, "bytes"),
    24: (1, "present"),
}


def read_content_field(r):
    tag = r.number(1)
    if tag not in CONTENT_FIELDS:
        raise Malformed(f"no field {tag}")
    ids, takes = CONTENT_FIELDS[tag]
    begin = r.at
    if ids is None:
        r.bytes(80).decode()
    else:
        r.raw(32 * ids)
    return {"tag": tag, "after": r.data[begin : r.at].hex()}, takes


def read_content_value(r, takes):
    kinds = ("text", "bytes", "number", "channel", "present")
    kind = r.number(1)
    if kind != kinds.index(takes) + 1:
        raise Malformed(f"a value of kind {kind} in a field for {takes}")
    if takes == "text":
        return {"text": r.bytes(16 * 1024).decode()}
    if takes == "bytes":
        return {"bytes": r.bytes(16 * 1024).hex()}
    if takes == "number":
        return {"number": r.zigzag()}
    if takes == "channel":
        return {"channel": r.raw(32).hex()}
    return {"present": True}


def read_content_op(r):
    tag = r.number(1)
    if tag == 3:
        at, remove = r.varint(), r.varint()
        return ("splice", at, remove, r.bytes(48 * 1024).decode())
    if tag not in (1, 2):
        raise Malformed(f"no operation {tag}")
    field, takes = read_content_field(r)
    return ("set", field, read_content_value(r, takes)) if tag == 1 else ("clear", field)


def check_content(checks):
    vectors = load("content.json")
    for vector in vectors["fields"]:
        name = f"content field {vector['field']['tag']}"
        found = whole(read_content_op, unhex(vector["set"]))
        checks.equal(name, found, ("set", vector["field"], vector["value"]))
        found = whole(read_content_op, unhex(vector["clear"]))
        checks.equal(f"{name} cleared", found, ("clear", vector["field"]))
    splice = vectors["splice"]
    found = whole(read_content_op, unhex(splice["bytes"]))
    checks.equal("splice", found, ("splice", splice["at"], splice["remove"], splice["insert"]))
    for refused in vectors["refused"]:
        checks.refused(f"content operation {refused}", lambda: whole(read_content_op, unhex(refused)))


# Bodies


def read_line(r, most):
    """A text in one line, without controls and without spaces at its ends."""
    text = read_text(r, most)
    if text != text.strip(" ") or any(unicodedata.category(char) == "Cc" for char in text):
        raise Malformed(f"{text!r} is not one line")
    return text


def read_embed(r):
    url = read_text(r, EMBED_URL_BYTES_MAX)
    if not re.fullmatch(r"https?://[!-\[\]-~]+", url):
        raise Malformed(f"{url!r} is not an address")
    title = read_line(r, EMBED_TITLE_BYTES_MAX)
    if not title:
        raise Malformed("a preview without a title")
    return [url, title, read_line(r, EMBED_DESCRIPTION_BYTES_MAX)]


def read_text(r, most):
    try:
        return r.bytes(most).decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error


def read_message(r):
    """A body that is a message; nothing if it is another one."""
    tag = r.number(1)
    if tag not in (1, 6, 7, 8, 9):
        r.raw(len(r.data) - r.at)
        return None
    message = {"text": read_text(r, TEXT_BYTES_MAX), "reply_to": None, "thread": None, "embeds": []}
    message["bridged"] = tag in (7, 9)
    if tag == 1:
        return message
    for field in ("reply_to", "thread"):
        found = r.option(lambda: r.raw(32))
        message[field] = found and found.hex()
    if tag == 6 and not (message["reply_to"] or message["thread"]):
        raise Malformed("a plain message in a longer form")
    if tag in (8, 9):
        message["embeds"] = [read_embed(r) for _ in range(r.count(EMBEDS_MAX))]
        if not message["embeds"]:
            raise Malformed("no previews in the form of some")
    return message


def check_events(checks):
    vectors = load("events.json")
    secret = unhex(vectors["epoch_secret"])
    signing = nacl.signing.SigningKey(unhex(vectors["device_seed"]))
    for vector in vectors["clear"] + vectors["sealed"]:
        name = vector["name"]
        header, event_id, body, signature = whole(read_event, unhex(vector["event"]))
        plain = {
            field: value.hex() if isinstance(value, bytes) else value
            for field, value in header.items()
            if not isinstance(value, list)
        }
        plain |= {list_: [item.hex() for item in header[list_]] for list_ in ("deps", "auth")}
        checks.equal(f"{name}: fields", plain, vector["fields"])
        checks.equal(f"{name}: header", write_header(header), unhex(vector["header"]))
        checks.equal(f"{name}: id", event_id.hex(), vector["id"])
        checks.equal(f"{name}: body", body.hex(), vector["body"])
        carrier = blake3(body).digest()
        checks.equal(f"{name}: carrier", carrier.hex(), vector["carrier"])
        checks.equal(f"{name}: signature", signature.hex(), vector["signature"])
        message = b"ALLOQUY" + bytes([header["kind"], 1]) + event_id + carrier
        checks.equal(f"{name}: signed again", signing.sign(message).signature, signature)
        for place in (0, 40, len(unhex(vector["event"])) - 1):
            damaged = bytearray(unhex(vector["event"]))
            damaged[place] ^= 1
            checks.refused(f"{name}: damaged at {place}", lambda: whole(read_event, bytes(damaged)))
        if "plaintext" in vector:
            checks.equal(f"{name}: message", whole(read_message, unhex(vector["plaintext"])), vector.get("message"))
            padded = pad(unhex(vector["plaintext"]))
            checks.equal(f"{name}: padded", padded.hex(), vector["padded"])
            checks.equal(f"{name}: commitment", body_commit(secret, header, padded), header["body_commit"])
            checks.equal(f"{name}: ciphertext", seal_body(secret, header, event_id, padded), body)
    for vector in vectors["refused"]:
        checks.refused(f"body: {vector['name']}", lambda: whole(read_message, unhex(vector["plaintext"])))


def check_ranges(checks):
    vectors = load("ranges.json")
    secrets = {unhex(epoch["epoch"]): unhex(epoch["secret"]) for epoch in vectors["epochs"]}
    for vector in vectors["ranges"]:
        name = vector["name"]
        data = unhex(vector["range"])
        walk = Walk(data, {} if name == "blind" else secrets)
        checks.equal(f"{name}: scope", walk.packed["scope"].hex(), vector["scope"])
        checks.equal(f"{name}: events", len(walk.events), len(vector["events"]))
        for place, (event, expected) in enumerate(zip(walk.events, vector["events"])):
            found = {
                field: None if event[field] is None else event[field].hex()
                for field in ("id", "body", "plaintext", "signature", "carrier")
            }
            found["header"] = write_header(event["header"]).hex()
            checks.equal(f"{name}: event {place}", found, expected)
        damaged = bytearray(data)
        damaged[-1] ^= 1
        damaged[60] ^= 1
        checks.refused(f"{name}: damaged", lambda: Walk(bytes(damaged), secrets))


def check_epochs(checks):
    vectors = load("epochs.json")
    link_key, epoch, commit = (unhex(vectors[name]) for name in ("link_key", "epoch", "commit"))
    secret = derive("alloquy epoch secret v1", link_key)
    checks.equal("epoch secret", secret.hex(), vectors["secret"])
    parents = varint(len(vectors["parents"])) + b"".join(map(unhex, vectors["parents"]))
    scope = unhex(vectors["key_scope"])
    checks.equal("epoch commitment", derive("alloquy epoch commit v1", secret, scope, parents), commit)
    gossip = derive("alloquy gossip key v1", secret)
    checks.equal("gossip topic", derive("alloquy gossip topic v1", gossip).hex(), vectors["gossip_topic"])
    frame = decrypt(derive("alloquy gossip frame key v1", gossip), unhex(vectors["gossip_sealed"]))
    checks.equal("gossip frame", frame.hex(), vectors["gossip_frame"])
    parent = decrypt(derive("alloquy epoch link key v1", link_key, commit), unhex(vectors["link"]), commit)
    checks.equal("link", parent.hex(), vectors["link_parent"])
    nonce_key = derive("alloquy epoch link nonce v1", link_key, commit)
    checks.equal("nonce of the link", keyed(nonce_key, parent)[:24], unhex(vectors["link"])[:24])
    recipient = unhex(vectors["recipient_secret"])
    public = X25519PrivateKey.from_private_bytes(recipient).public_key().public_bytes_raw()
    checks.equal("recipient", public.hex(), vectors["recipient"])
    for vector in vectors["wraps"]:
        r = Reader(unhex(vector["wrap"]))
        to, enc, ciphertext = r.raw(32), r.raw(32), r.bytes(49)
        r.end()
        checks.equal("wrap: recipient", to, public)
        opened = hpke_open(enc, recipient, b"alloquy epoch wrap v1" + epoch, ciphertext)
        checks.equal(f"wrap: {vector['name']}", opened.hex(), vector["key"])


def check_accounts(checks):
    vectors = load("accounts.json")
    header, account, body, _ = whole(read_event, unhex(vectors["genesis"]))
    checks.equal("account", account.hex(), vectors["account"])
    checks.equal("account in text", text_of_id(account), vectors["account_text"])
    device = nacl.signing.SigningKey(unhex(vectors["device_seed"])).verify_key.encode()
    network = nacl.signing.SigningKey(unhex(vectors["network_seed"])).verify_key.encode()
    founding = [header[field] for field in ("kind", "scope", "device", "seq", "prev", "lamport")]
    checks.equal("genesis", founding, [IDENTITY, ZERO, device, 0, ZERO, 1])
    r = Reader(body)
    checks.equal("genesis: tag", r.number(1), 1)
    r.raw(16)
    checks.equal("network key", r.raw(32), network)
    message = b"alloquy network key v1" + device
    checks.equal("network key certifies", signature_holds(network, message, r.raw(64)), True)
    checks.equal("recovery commitment", r.raw(32).hex(), vectors["recovery_commitment"])
    checks.equal("recovery wrap key", r.raw(32).hex(), vectors["recovery_wrap_key"])
    r.end()
    check_prekey(checks, vectors, device)


def check_prekey(checks, vectors, device):
    r = Reader(unhex(vectors["prekey"]))
    owner, counter, key, signature = r.raw(32), r.varint(), r.raw(32), r.raw(64)
    r.end()
    secret = X25519PrivateKey.from_private_bytes(unhex(vectors["prekey_secret"]))
    checks.equal("prekey", key, secret.public_key().public_bytes_raw())
    checks.equal("prekey: device", (owner, counter), (device, 300))
    message = b"alloquy prekey v1" + owner + counter.to_bytes(8, "little") + key
    checks.equal("prekey: signature", signature_holds(owner, message, signature), True)


# Identity logs


def read_certificate(r):
    return r.raw(32), r.raw(32), r.raw(64)


def read_identity_operation(r):
    tag = r.number(1)
    if tag == 1:
        op = {"nonce": r.raw(16), "network": (r.raw(32), r.raw(64))}
        return tag, op | {"commitment": r.raw(32), "wrap_key": r.raw(32)}
    if tag in (2, 4):
        return tag, {"added": read_certificate(r), "accepted": r.raw(64)}
    if tag in (3, 5):
        return tag, {"device": r.raw(32)}
    if tag == 6:
        start = r.at
        op = {"key": r.raw(32), "commitment": r.raw(32), "wrap_key": r.raw(32)}
        op |= {"added": r.option(lambda: read_certificate(r)), "revoke": r.ids(20)}
        return tag, op | {"signed": r.data[start : r.at], "signature": r.raw(64)}
    if tag == 7:
        return tag, {"commitment": r.raw(32), "wrap_key": r.raw(32)}
    if tag != 8:
        r.raw(len(r.data) - r.at)
    return tag, {}


def check_identity_operation(account, header, tag, op):
    """Certificates, acceptances and the recovery key's signature."""
    if op.get("added"):
        device, network, certificate = op["added"]
        if not signature_holds(network, b"alloquy network key v1" + device, certificate):
            raise Malformed("the network key has not signed")
    if tag in (2, 4):
        what = b"device" if tag == 2 else b"home"
        if not signature_holds(op["added"][0], b"alloquy " + what + b" accepts v1" + account, op["accepted"]):
            raise Malformed("no acceptance")
    if tag == 6:
        deps = varint(len(header["deps"])) + b"".join(header["deps"])
        place = account + header["device"] + header["prev"] + deps
        if not signature_holds(op["key"], b"alloquy recover v1" + place + op["signed"], op["signature"]):
            raise Malformed("the recovery key has not signed")
        if op["added"] and op["added"][0] != header["device"]:
            raise Malformed("a recovery adds who signed it")


class Identities:
    """An identity log: events by id, and what any set of them comes to."""

    def __init__(self, events):
        self.account = events[0][1]
        self.events, self.past, self.over = {}, {}, {}
        for header, event_id, body, _ in events:
            tag, op = whole(read_identity_operation, body)
            check_identity_operation(self.account, header, tag, op)
            parents = [id_ for id_ in [header["prev"], *header["deps"]] if id_ != ZERO]
            self.past[event_id] = set(parents).union(*(self.past[parent] for parent in parents))
            self.events[event_id] = (header, tag, op)
            version = self.judge(event_id)
            if version:
                self.over[event_id] = version

    def beside(self, a, b):
        return a != b and a not in self.past[b] and b not in self.past[a]

    def judge(self, event_id):
        """The version of the recovery key before a sound event; None if it is not sound."""
        header, tag, op = self.events[event_id]
        if tag == 1:
            return self.first()
        version, taken = self.versions(self.past[event_id])
        before = self.standing(self.past[event_id], taken)
        if tag == 6:
            sound = derive("alloquy recovery commitment v1", op["key"]) == version[2]
            sound &= not before["closed"] and header["device"] not in op["revoke"]
            sound &= op["added"] is not None or header["device"] in before["devices"]
        else:
            sound = header["device"] in before["devices"] - before["suspended"]
            if tag == 2:
                sound &= op["added"][0] not in before["revoked"]
            if tag == 3:
                sound &= op["device"] in before["devices"]
            if tag == 4:
                sound &= op["added"][0] not in before["devices"] | before["revoked"]
        return version if sound else None

    def first(self):
        op = self.events[self.account][2]
        return (0, 0, op["commitment"], op["wrap_key"])

    def versions(self, members):
        version, taken = self.first(), []
        while True:
            over = sorted(id_ for id_ in members if self.over.get(id_) == version)
            recoveries = [id_ for id_ in over if self.events[id_][1] == 6]
            if recoveries:
                op = self.events[recoveries[0]][2]
                agrees = (op["commitment"], op["wrap_key"])
                same = [id_ for id_ in recoveries if (self.events[id_][2]["commitment"], self.events[id_][2]["wrap_key"]) == agrees]
                taken += same
                version = (version[0] + 1, version[1] + 1, *agrees)
                continue
            holds = self.standing(members, taken)["holds"]
            changes = [id_ for id_ in over if self.events[id_][1] == 7 and id_ in holds]
            if not changes:
                return version, taken
            op = self.events[changes[0]][2]
            version = (version[0] + 1, 0, op["commitment"], op["wrap_key"])

    def brings(self, event_id):
        header, tag, op = self.events[event_id]
        if tag == 1:
            return header["device"]
        return op["added"][0] if tag in (2, 6) and op["added"] else None

    def standing(self, members, taken):
        order = sorted(members, key=lambda id_: self.events[id_][0]["lamport"])
        decided = lambda *ids: any(all(id_ in self.past[words] for id_ in ids) for words in taken)
        counts, tainted = [], set()

        def entries(event_id):
            device = self.events[event_id][0]["device"]
            return [id_ for id_ in counts if id_ in self.past[event_id] and self.brings(id_) == device]

        for id_ in order:
            tag = self.events[id_][1]
            beaten = any(self.beside(id_, words) for words in taken)
            by_device = id_ in self.over and not beaten and entries(id_)
            if tag == 1 or (id_ in taken if tag == 6 else by_device):
                counts.append(id_)
        ends = [(id_, self.events[id_][2]["device"]) for id_ in counts if self.events[id_][1] == 3]
        for id_ in counts:
            if self.events[id_][1] in (1, 6):
                continue
            device = self.events[id_][0]["device"]
            ended = any(of == device and self.beside(end, id_) and not decided(end, id_) for end, of in ends)
            if ended or all(entry in tainted and not decided(entry) for entry in entries(id_)):
                tainted.add(id_)
        return self.devices(counts, tainted, ends, taken, decided)

    def devices(self, counts, tainted, ends, taken, decided):
        holds = [id_ for id_ in counts if id_ not in tainted]
        closed = any(self.events[id_][1] == 8 for id_ in holds)
        devices = {self.brings(id_) for id_ in counts} - {None}

        def firm(end, device):
            author = self.events[end][0]["device"]
            return author == device or not any(of == author and self.beside(end, other) for other, of in ends)

        named = [(end, device) for end, device in ends if firm(end, device)]
        named += [(words, device) for words in taken for device in self.events[words][2]["revoke"]]
        back = lambda end, device: any(end in self.past[words] and self.brings(words) == device for words in taken)
        revoked = set(devices) if closed else {device for end, device in named if not back(end, device)}
        clean = {self.brings(id_) for id_ in counts if id_ not in tainted or decided(id_)}
        waits = {device for end, device in ends if not decided(end)} | (devices - clean)
        gone = [(id_, self.events[id_][2]["device"]) for id_ in holds if self.events[id_][1] == 5]
        homes = {
            self.events[id_][2]["added"][0]
            for id_ in holds
            if self.events[id_][1] == 4
            and all(of != self.events[id_][2]["added"][0] or end in self.past[id_] for end, of in gone)
        }
        found = {"devices": devices - revoked, "revoked": revoked, "holds": set(holds), "closed": closed}
        return found | {"suspended": waits & found["devices"], "homes": set() if closed else homes}


def check_identities(checks):
    vectors = load("identities.json")
    for used, key in enumerate(vectors["recovery_keys"]):
        number = used.to_bytes(4, "little") if used else b""
        seed = derive("alloquy recovery signing key v1", entropy_of(vectors["recovery_words"]), number)
        checks.equal(f"recovery key {used}", nacl.signing.SigningKey(seed).verify_key.encode().hex(), key)
    for vector in vectors["logs"]:
        name = vector["name"]
        log = Identities([whole(read_event, unhex(event)) for event in vector["events"]])
        checks.equal(f"{name}: account", log.account.hex(), vectors["account"])
        everything = set(log.events)
        version, taken = log.versions(everything)
        found = log.standing(everything, taken)
        for field in ("devices", "suspended", "revoked", "homes"):
            checks.equal(f"{name}: {field}", sorted(id_.hex() for id_ in found[field]), vector[field])
        words = [found["closed"], version[1], version[2].hex(), version[3].hex()]
        expected = ("closed", "recovered", "recovery_commitment", "recovery_wrap_key")
        checks.equal(f"{name}: words", words, [vector[field] for field in expected])


def entropy_of(words):
    """The 16 bytes behind twelve BIP-39 words; the last 4 of the 132 bits are their checksum."""
    english = Mnemonic("english")
    return bytes(english.to_entropy(words))


# Authority: the operations that the vectors hold, by their tags


def read_join(r):
    start = r.at
    join = {"community": r.raw(32), "invite": r.option(lambda: r.raw(32)), "account": r.raw(32)}
    join["chain"] = [read_event(r) for _ in range(r.count(64))]
    join |= {"device": r.raw(32), "prekey": (r.raw(32), r.varint(), r.raw(32), r.raw(64))}
    join["signed"] = b"alloquy join v1" + r.data[start : r.at]
    return join | {"invite_signature": r.raw(64), "device_signature": r.raw(64)}


def read_rule(r):
    number = r.number(1)
    if number == 4:
        return {"in_all": r.option(r.varint), "by_invite": r.option(r.varint), "within_ms": r.number(4)}
    if number in (5, 6):
        return {"words": [r.bytes(64).decode() for _ in range(r.count(256))]}
    raise Malformed(f"no vector has rule {number}")


def read_operation(r):
    tag = r.number(1)
    if tag == 1:
        op = {"level": r.number(2), "nonce": r.raw(16)}
        op["founder"] = [read_event(r) for _ in range(r.count(64))]
        op |= {"history": r.number(1), "everyone": r.number(8), "kind": 0, "pair": None}
        if r.at < len(r.data):
            op["kind"] = r.number(1)
            if op["kind"] not in (1, 2):
                raise Malformed(f"no community is of kind {op['kind']}")
        if op["kind"] == 2:
            op["pair"] = [r.raw(32), r.raw(32)]
        return tag, op
    if tag == 5:
        return tag, read_join(r)
    if tag == 20:
        return tag, {"key": r.raw(32), "expires": r.option(r.varint), "uses": r.option(r.varint)}
    if tag == 29:
        op = {"channel": r.option(lambda: r.raw(32)), "parents": r.ids(8), "commit": r.raw(32)}
        return tag, op | {"links": [(r.raw(32), r.bytes()) for _ in range(r.count(8))]}
    if tag == 31:
        return tag, read_rule(r)
    if tag == 32:
        op = {"account": r.raw(32), "chain": [read_event(r) for _ in range(r.count(64))]}
        return tag, op | {"prekey": (r.raw(32), r.varint(), r.raw(32), r.raw(64))}
    raise Malformed(f"no vector has operation {tag}")


def check_authority(checks):
    vectors = load("authority.json")
    founder = nacl.signing.SigningKey(unhex(vectors["founder_seed"])).verify_key.encode()
    prev, community, operations = ZERO, ZERO, []
    for seq, vector in enumerate(vectors["operations"]):
        name = vector["name"]
        header, event_id, body, _ = whole(read_event, unhex(vector["event"]))
        checks.equal(f"{name}: id", event_id.hex(), vector["id"])
        checks.equal(f"{name}: body", body.hex(), vector["op"])
        place = [header[field] for field in ("kind", "scope", "device", "seq", "prev", "lamport")]
        checks.equal(f"{name}: place", place, [AUTHORITY, community, founder, seq, prev, seq + 1])
        community = community if seq else event_id
        prev = event_id
        operations.append((event_id, *whole(read_operation, body)))
    genesis, invite, admit, first, second, words, raid = operations
    checks.equal("rule: words", words[2], {"words": ["casino", "free coins"]})
    checks.equal("rule: joins", raid[2], {"in_all": None, "by_invite": 300, "within_ms": 600000})
    checks.equal("genesis", [genesis[2][field] for field in ("level", "history", "everyone")], [1, 1, 1 | 1 << 2])
    checks.equal("founder", genesis[2]["founder"][0][0]["device"], founder)
    uses = (invite[2]["key"].hex(), invite[2]["expires"], invite[2]["uses"])
    checks.equal("invite", uses, (vectors["invite_public"], 1767229200000, 300))
    check_join(checks, admit[2], community, invite)
    check_announcements(checks, [unhex(key) for key in vectors["link_keys"]], community, first, second)


def check_join(checks, join, community, invite):
    checks.equal("join: community and invite", (join["community"], join["invite"]), (community, invite[0]))
    checks.equal("join: account", join["account"], join["chain"][0][1])
    checks.equal("join: device", join["device"], join["chain"][0][0]["device"])
    by_invite = signature_holds(invite[2]["key"], join["signed"], join["invite_signature"])
    by_device = signature_holds(join["device"], join["signed"], join["device_signature"])
    checks.equal("join: signatures", (by_invite, by_device), (True, True))
    owner, counter, key, signature = join["prekey"]
    message = b"alloquy prekey v1" + owner + counter.to_bytes(8, "little") + key
    checks.equal("join: prekey", signature_holds(owner, message, signature), True)


def check_announcements(checks, keys, community, first, second):
    for key, (_, _, op), parents in zip(keys, (first, second), ([], [first[0]])):
        checks.equal("epoch: parents", op["parents"], parents)
        secret = derive("alloquy epoch secret v1", key)
        listed = varint(len(parents)) + b"".join(parents)
        commit = derive("alloquy epoch commit v1", secret, community, listed)
        checks.equal("epoch: commitment", op["commit"], commit)
    (parent, link), commit = second[2]["links"][0], second[2]["commit"]
    opened = decrypt(derive("alloquy epoch link key v1", keys[1], commit), link, commit)
    checks.equal("epoch: link", (parent, opened), (first[0], b"\x01" + keys[0]))


# Conversations

DIRECT_RIGHTS = sum(1 << bit for bit in (0, 1, 2, 3, 4, 5, 15, 16, 17))
GROUP_RIGHTS = DIRECT_RIGHTS | 1 << 11


def check_direct(checks):
    vectors = load("direct.json")
    for vector in vectors["conversations"]:
        check_conversation(checks, vector)
    header, group, body, _ = whole(read_event, unhex(vectors["group"]))
    genesis = whole(read_operation, body)[1]
    checks.equal("group: kind", (genesis["kind"], genesis["pair"]), (1, None))
    checks.equal("group: rights", (genesis["everyone"], genesis["history"]), (GROUP_RIGHTS, 2))
    checks.equal("group: founder", genesis["founder"][0][0]["device"], header["device"])
    header, _, body, _ = whole(read_event, unhex(vectors["added"]))
    tag, add = whole(read_operation, body)
    checks.equal("addition: tag and scope", (tag, header["scope"]), (32, group))
    checks.equal("addition: account", add["account"], add["chain"][0][1])
    owner, counter, key, signature = add["prekey"]
    message = b"alloquy prekey v1" + owner + counter.to_bytes(8, "little") + key
    checks.equal("addition: prekey", signature_holds(owner, message, signature), True)
    check_safety(checks, vectors["safety"])


def check_conversation(checks, vector):
    header, event_id, body, _ = whole(read_event, unhex(vector["event"]))
    first, second = sorted(unhex(account) for account in vector["accounts"])
    seed = derive("alloquy direct key v1", first, second)
    key = nacl.signing.SigningKey(seed).verify_key.encode()
    genesis = whole(read_operation, body)[1]
    checks.equal("conversation: key", header["device"], key)
    place = [header[field] for field in ("kind", "scope", "incarnation", "seq", "prev", "lamport", "wall_ms")]
    checks.equal("conversation: place", place, [AUTHORITY, ZERO, 0, 0, ZERO, 1, 0])
    checks.equal("conversation: accounts", (genesis["kind"], genesis["pair"]), (2, [first, second]))
    checks.equal("conversation: nonce", genesis["nonce"], derive("alloquy direct nonce v1", first, second)[:16])
    fixed = [genesis[field] for field in ("level", "founder", "history", "everyone")]
    checks.equal("conversation: fixed", fixed, [1, [], 1, DIRECT_RIGHTS])
    checks.equal("conversation: id", event_id.hex(), vector["id"])
    channel = derive("alloquy direct channel v1", event_id)
    checks.equal("conversation: channel", channel.hex(), vector["channel"])


def check_safety(checks, vector):
    parts = []
    for chain in vector["chains"]:
        header, account, body, _ = whole(read_event, unhex(chain))
        # Behind the tag: nonce, network key and its signature, commitment, wrap key.
        commitment, wrap_key = body[-64:-32], body[-32:]
        parts.append(account + commitment + wrap_key + varint(1) + header["device"])
    digest = derive("alloquy safety words v1", *sorted(parts))
    checks.equal("safety: digest", digest.hex(), vector["digest"])
    checks.equal("safety: words", len(vector["words"].split()), 12)


def main():
    checks = Checks()
    for check in (
        check_encoding, check_content, check_events, check_ranges, check_epochs, check_accounts, check_identities,
        check_authority, check_direct,
    ):
        try:
            check(checks)
        except (Malformed, KeyError, IndexError, StopIteration, RuntimeError) as error:
            checks.failed += 1
            print(f"FAILED {check.__name__}: {type(error).__name__}: {error}")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
