"""Stripe's signatures, over the raw bytes. The format: https://docs.stripe.com/webhooks#verify-manually."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from cocoonmail.platforms.base import Rejected, Verdict, Verified

HEADER = "stripe-signature"
HEADER_MAX = 4096  # Bytes
SIGNATURES_MAX = 10  # Stripe sends one per live secret, which are two while one is rolled
AGE_MAX = 300  # Seconds, as in Stripe's own libraries

_TIME = re.compile(rb"[0-9]{1,12}\Z")
_SIGNATURE = re.compile(rb"[0-9a-f]{64}\Z")


def verify(headers: Mapping[str, bytes], body: bytes, secrets: Sequence[bytes], now: int) -> Verdict:
    """Whether one of the secrets signed this body. `now` in seconds since 1970. Never raises.

    A time ahead of ours is accepted, as Stripe's libraries do: only Stripe can have signed it.
    """
    if not secrets:
        return Rejected("no_secret", "This endpoint has no signing secret yet. Copy it from Stripe into Cocoonmail.")
    header = headers.get(HEADER, b"")
    if not header:
        return Rejected("no_signature", "The Stripe-Signature header is missing. Only Stripe's own requests are taken.")
    if len(header) > HEADER_MAX:
        return Rejected("bad_signature_header", "The Stripe-Signature header is too long.")
    items = [item.partition(b"=") for item in header.split(b",")]
    times = [value for name, _, value in items if name == b"t"]
    signatures = [value for name, _, value in items if name == b"v1"]
    if len(times) != 1 or not _TIME.match(times[0]):
        return Rejected("bad_signature_header", "The Stripe-Signature header has no time in the form t=<seconds>.")
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        return Rejected("bad_signature_header", f"The Stripe-Signature header needs 1 to {SIGNATURES_MAX} v1 signatures.")
    if not _signed(times[0] + b"." + body, signatures, secrets):
        return Rejected("wrong_signature", WRONG)
    return _in_time(now - int(times[0]))


WRONG = (
    "No secret of this endpoint signed this body. Compare the signing secret: test and live mode, every endpoint and "
    "the Stripe CLI have secrets of their own; and nothing between Stripe and Cocoonmail may change the body."
)


def sign(body: bytes, secret: bytes, now: int) -> str:
    """The Stripe-Signature header that Stripe would send with this body."""
    return f"t={now},v1={_digest(b'%d.' % now + body, secret)}"


def _signed(message: bytes, signatures: Sequence[bytes], secrets: Sequence[bytes]) -> bool:
    expected = [_digest(message, secret).encode() for secret in secrets]
    given = [signature for signature in signatures if _SIGNATURE.match(signature)]
    return any(hmac.compare_digest(one, other) for one in expected for other in given)


def _digest(message: bytes, secret: bytes) -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def _in_time(age: int) -> Verdict:
    if age <= AGE_MAX:
        return Verified(age)
    message = f"The signature is {age} seconds old, more than {AGE_MAX}. Is this server's clock right?"
    return Rejected("timestamp_too_old", message)
