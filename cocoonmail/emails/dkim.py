"""DKIM signatures: bytes in, the header fields to put before them out. Pure.

RFC 6376 with RSA-SHA256 and RFC 8463 with Ed25519-SHA256, `c=relaxed/simple`. Header fields are relaxed, for servers
fold them anew. The body is simple: ours is quoted-printable or base64 without white space at line ends, so a server
that changes a byte of it changes what is read, and hashing it as it is costs no pass over it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

# Named once more than they are there: whoever adds one on the way breaks the signature (RFC 6376 section 8.15).
_OVERSIGNED = ("from", "to", "subject", "reply-to", "mime-version", "content-type",
               "list-unsubscribe", "list-unsubscribe-post")  # fmt: skip
# Signed where they are there. Mail servers may add a Feedback-ID of their own, so its absence is not signed.
_SIGNED = ("date", "message-id", "auto-submitted", "feedback-id")
_MORE: Mapping[bytes, int] = {name.encode(): int(name in _OVERSIGNED) for name in (*_OVERSIGNED, *_SIGNED)}

_LINE_MAX = 74  # Characters besides a line's " b=" or ":"; RFC 5322 section 2.1.1 recommends 78 in all
_WHITE_SPACE = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, parsed; its public half stands in the DNS at `selector`._domainkey.`domain`, both in ASCII."""

    domain: str
    selector: str
    private: PrivateKey


def sign(data: bytes, keys: Sequence[Key], signed_at: datetime) -> bytes:
    """A DKIM-Signature field for each key, each with its CRLF: put them before `data`.

    `data` is a whole message with CRLF line ends. `signed_at` is aware of its zone and belongs to the message, so that
    every attempt has the same bytes (promise S4): both algorithms give the same signature for the same input.
    """
    end_of_head = data.find(b"\r\n\r\n")
    head, body_from = (data[:end_of_head], end_of_head + 4) if end_of_head >= 0 else (data, len(data))
    names, fields = _signed_fields(head)
    rest = b"t=%d;\r\n h=%b;\r\n bh=%b;\r\n b=" % (
        signed_at.timestamp(),
        _folded_names(names),
        _body_hash(data, body_from),
    )
    return b"".join(_signature(key, fields, rest) for key in keys)


def _signed_fields(head: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The names for h=, and the fields they name in the relaxed form (RFC 6376 sections 3.4.2 and 5.4.2)."""
    found = defaultdict(list)
    for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t").split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in _MORE:
            found[name].append(b"%b:%b\r\n" % (name, _WHITE_SPACE.sub(b" ", value).strip(b" ")))
    names: list[bytes] = []
    fields: list[bytes] = []
    for name, more in _MORE.items():
        there = found.get(name, [])
        names += [name] * (len(there) + more)
        fields += reversed(there)  # A verifier takes those of one name from the bottom up.
    return tuple(names), b"".join(fields)


@lru_cache(maxsize=256)
def _folded_names(names: tuple[bytes, ...]) -> bytes:
    lines = [b""]
    for name in names:
        if len(lines[-1]) + len(name) > _LINE_MAX:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n ".join(lines).removesuffix(b":")


def _body_hash(data: bytes, start: int) -> bytes:
    """bh= of the simple form: empty lines at the end do not count, and one line end is always there (section 3.4.3)."""
    end = len(data)
    while data.endswith(b"\r\n", start, end):
        end -= 2
    digest = sha256(memoryview(data)[start:end])
    digest.update(b"\r\n")
    return b64encode(digest.digest())


def _signature(key: Key, fields: bytes, rest: bytes) -> bytes:
    """One field. Its own text, b= left empty, is the last that is hashed, without a line end (section 3.7)."""
    named = b"d=%b; s=%b; " % (key.domain.encode(), key.selector.encode())
    text = b"v=1; a=%b; c=relaxed/simple;\r\n %b%b" % (_algorithm(key.private), named, rest)
    digest = sha256(fields)
    digest.update(b"dkim-signature:" + text.replace(b"\r\n ", b" "))
    value = b64encode(_signed(key.private, digest.digest()))
    lines = (value[at : at + _LINE_MAX] for at in range(0, len(value), _LINE_MAX))
    return b"DKIM-Signature: %b%b\r\n" % (text, b"\r\n ".join(lines))


def _algorithm(private: PrivateKey) -> bytes:
    return b"rsa-sha256" if isinstance(private, RSAPrivateKey) else b"ed25519-sha256"


def _signed(private: PrivateKey, digest: bytes) -> bytes:
    match private:
        case RSAPrivateKey():
            return private.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        case Ed25519PrivateKey():
            return private.sign(digest)
