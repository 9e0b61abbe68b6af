"""Stripe's signatures, over the raw bytes. The format: https://docs.stripe.com/webhooks#verify-manually."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cocoonmail.platforms.base import Rejected, Verdict, Verified

HEADER = "stripe-signature"
HEADER_MAX = 4096  # Bytes
SIGNATURES_MAX = 10  # Stripe sends one per live secret, which are two while one is rolled
AGE_MAX = 300  # Seconds, as in Stripe's own libraries
assert SIGNATURES_MAX * len(",v1=" + 64 * "f") < HEADER_MAX  # The header has room for all that are looked at.

# What Stripe sends nearly always: one signature, and in test mode its fake.
_USUAL = re.compile(rb"t=([0-9]{1,12}),v1=([0-9a-f]{64})(?:,v0=[0-9a-f]*)?\Z")
_TIME = re.compile(rb"[0-9]{1,12}\Z")
_SIGNATURE = re.compile(rb"[0-9a-f]{64}\Z")

NO_SECRET = "This endpoint has no signing secret yet: add the signing secret from Stripe (whsec_…) in Cocoonmail."  # noqa: S105
NO_HEADER = "The Stripe-Signature header is missing. Only requests that Stripe signed are taken."
WRONG = (
    "No secret of this endpoint signed this body. Compare the signing secret: test and live mode, every endpoint and "
    "the Stripe CLI have secrets of their own; and nothing between Stripe and Cocoonmail may change the body."
)


def verify(headers: Mapping[str, bytes], body: bytes, secrets: Sequence[bytes], now: int) -> Verdict:
    """Whether one of the secrets signed this body. `now` in seconds since 1970. Never raises.

    A time ahead of ours is accepted, as Stripe's libraries do: only who has the secret can have signed it.
    """
    if not any(secrets):
        return Rejected("no_secret", NO_SECRET)
    seal = _read_header(headers.get(HEADER, b""))
    if isinstance(seal, Rejected):
        return seal
    if not _signed(seal, body, secrets):
        return Rejected("wrong_signature", WRONG)
    return _in_time(now - int(seal.time))


def sign(body: bytes, secret: bytes, now: int) -> str:
    """The Stripe-Signature header that Stripe would send with this body. `now` in seconds since 1970."""
    return f"t={now},v1={_digest(b'%d' % now, body, secret)}"


class _Seal(NamedTuple):
    """What the header states: the time as it was signed, and the signatures of the one scheme that counts."""

    time: bytes
    signatures: Sequence[bytes]


def _read_header(header: bytes) -> _Seal | Rejected:
    """The header's parts. Every scheme but v1 is passed over: v0 is a fake that Stripe adds in test mode."""
    usual = _USUAL.match(header)
    if usual is not None:
        return _Seal(usual[1], (usual[2],))
    if not header:
        return Rejected("no_signature", NO_HEADER, final=True)
    if len(header) > HEADER_MAX:
        return _bad("is too long")
    items = [item.partition(b"=") for item in header.split(b",")]
    times = [value for name, _, value in items if name == b"t"]
    signatures = [value for name, _, value in items if name == b"v1"]
    if len(times) != 1 or not _TIME.match(times[0]):
        return _bad("has no time in the form t=<seconds>")
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        return _bad(f"needs 1 to {SIGNATURES_MAX} signatures in the form v1=<64 hex digits>")
    return _Seal(times[0], [one for one in signatures if _SIGNATURE.match(one)])


def _bad(what: str) -> Rejected:
    return Rejected("bad_signature_header", f"The Stripe-Signature header {what}.", final=True)


def _signed(seal: _Seal, body: bytes, secrets: Sequence[bytes]) -> bool:
    for secret in filter(None, secrets):
        expected = _digest(seal.time, body, secret).encode()
        for signature in seal.signatures:
            if hmac.compare_digest(expected, signature):
                return True
    return False


def _digest(time: bytes, body: bytes, secret: bytes) -> str:
    """HMAC-SHA256 under the whole secret, its whsec_ included. What is signed is the time, a dot and the raw body."""
    return hmac.new(secret, time + b"." + body, hashlib.sha256).hexdigest()


def _in_time(age: int) -> Verdict:
    if age <= AGE_MAX:
        return Verified(age)
    message = f"The signature is {_in_words(age)} old, more than {AGE_MAX // 60} minutes: check this server's clock."
    return Rejected("timestamp_too_old", message, final=True)


def _in_words(seconds: int) -> str:
    """A measured age, exact where it is short."""
    if seconds < 7200:
        return f"{seconds} seconds"
    return f"{seconds // 3600} hours" if seconds < 48 * 3600 else f"{seconds // 86_400:,} days"
