"""SCRAM-SHA-256 (RFC 5802, RFC 7677): both sides prove that they know the password, and neither says it."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Generator
from dataclasses import dataclass

from cocoonmail.transports.smtp.saslprep import Prohibited, saslprep

# Fewer would make a recorded login cheap to try passwords against (RFC 7677 §4); more would let a server burn our time:
# a million takes about a quarter of a second.
ITERATIONS_MIN, ITERATIONS_MAX = 4_096, 1_000_000
NONCE_BYTES = 18
HEADER = "n,,"  # No channel binding (RFC 5802 §6)


class Distrust(ValueError):
    """The server's part of the login is not as it must be. The message is a sentence without anything secret."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server asks with: its first message (RFC 5802 §7)."""

    nonce: str
    salt: bytes
    iterations: int


def scram_sha_256(username: str, password: str, nonce: str = "") -> Generator[bytes | None, bytes | None, None]:
    """The client's side, as `login.Dialogue`. `nonce` is ours, random where it is "". Raises Distrust."""
    name, password = _prepared(username, "user name"), _prepared(password, "password")
    nonce = nonce or secrets.token_urlsafe(NONCE_BYTES)
    first = f"n={name.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    asked = _text((yield f"{HEADER}{first}".encode()))
    challenge = read_challenge(asked, nonce)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), challenge.salt, challenge.iterations)
    last = f"c={b64encode(HEADER.encode()).decode()},r={challenge.nonce}"
    about = f"{first},{asked},{last}".encode()
    answered = _text((yield f"{last},p={b64encode(_proof(salted, about)).decode()}".encode()))
    _verify(answered, _hmac(_hmac(salted, b"Server Key"), about))
    yield b""


def read_challenge(text: str, nonce: str) -> Challenge:
    """The server's first message, whose nonce must go on from ours. Raises Distrust."""
    fields = dict(field.partition("=")[::2] for field in text.split(","))
    if list(fields)[:3] != ["r", "s", "i"]:
        raise Distrust("The server's part of the login (SCRAM-SHA-256) cannot be read.")
    if not fields["r"].startswith(nonce) or fields["r"] == nonce:
        raise Distrust("The server answered another login (SCRAM-SHA-256) than ours.")
    return Challenge(fields["r"], _decoded(fields["s"]), _iterations(fields["i"]))


def _iterations(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    if not ITERATIONS_MIN <= number <= ITERATIONS_MAX:
        limits = f"from {ITERATIONS_MIN:,} to {ITERATIONS_MAX:,}"
        raise Distrust(f"The server asks for {text[:20]} iterations of SCRAM-SHA-256; we do {limits}.")
    return number


def _prepared(text: str, what: str) -> str:
    try:
        return saslprep(text)
    except Prohibited as trouble:
        raise Distrust(f"The {what} has characters that SCRAM-SHA-256 does not allow.") from trouble


def _proof(salted: bytes, about: bytes) -> bytes:
    key = _hmac(salted, b"Client Key")
    signature = _hmac(hashlib.sha256(key).digest(), about)
    return bytes(a ^ b for a, b in zip(key, signature, strict=True))


def _verify(answered: str, signature: bytes) -> None:
    kind, _, value = answered.partition(",")[0].partition("=")
    if kind == "e":
        raise Distrust(f"The server refused the login: {value[:100]}")
    if kind != "v" or not hmac.compare_digest(_decoded(value), signature):
        raise Distrust("The server did not prove that it knows the password: its signature is wrong.")


def _text(challenge: bytes | None) -> str:
    """What the server said. None stands for "you are in", which it may not say before its signature."""
    if challenge is None:
        raise Distrust("The server did not prove that it knows the password: it let us in without a signature.")
    try:
        return challenge.decode()
    except UnicodeDecodeError as trouble:
        raise Distrust("The server's part of the login (SCRAM-SHA-256) cannot be read.") from trouble


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as trouble:
        raise Distrust("The server's part of the login (SCRAM-SHA-256) cannot be read.") from trouble


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")
