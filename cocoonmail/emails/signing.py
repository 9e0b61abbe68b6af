"""Who signs a workspace's mail: the key pairs that are switched on, remembered for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic

from cocoonmail.emails.dkim import Key, sign
from cocoonmail.emails.domains import keys_of
from cocoonmail.emails.mime import address
from cocoonmail.emails.models import SendingDomain

RING_LIFE = 5.0  # Seconds that a change made by another process may take to be noticed
RINGS_MAX = 10_000  # Workspaces

# The message's bytes and its own date in, the header fields to put before it out.
Signer = Callable[[bytes, datetime], bytes]


@dataclass(frozen=True, slots=True)
class _Ring:
    """A workspace's key pairs by domain, as they were at `read_at` (seconds of this process's clock)."""

    pairs: Mapping[str, SendingDomain]
    read_at: float


_rings: dict[int, _Ring] = {}


def signer_of(workspace_id: int, from_email: str) -> Signer | None:
    """Who signs mail from this address; None where no key pair is switched on for its domain or one above it.

    The nearest domain signs, so that d= is From's domain or a parent of it: that is what DMARC calls aligned, relaxed
    (RFC 7489 section 3.1.1). A loop may not wait for the database; there, what was last read counts, see `refresh`.
    Raises kit.secrets.Unsealable where the keys cannot be opened: mail that should be signed does not leave without.
    """
    ring = _rings.get(workspace_id)
    if ring is None or (_is_old(ring) and not _on_a_loop()):
        ring = _read(workspace_id)
    pair = next((ring.pairs[domain] for domain in _and_above(from_email) if domain in ring.pairs), None)
    return partial(_sign, keys_of(pair)) if pair else None


def _sign(keys: Sequence[Key], data: bytes, signed_at: datetime) -> bytes:
    return sign(data, keys, signed_at)


def _and_above(from_email: str) -> Iterator[str]:
    """The address's domain in ASCII, and each that it lies in, down to two labels."""
    domain = (address(from_email) or "").rpartition("@")[2]
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def refresh(workspace_ids: Iterable[int]) -> None:
    """Read the keys of these workspaces anew where they are old: for whoever signs on a loop afterwards."""
    for workspace_id in set(workspace_ids):
        ring = _rings.get(workspace_id)
        if ring is None or _is_old(ring):
            _read(workspace_id)


def _is_old(ring: _Ring) -> bool:
    return monotonic() - ring.read_at > RING_LIFE


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _read(workspace_id: int) -> _Ring:
    now = monotonic()
    pairs = SendingDomain.objects.filter(workspace=workspace_id, enabled=True)
    ring = _Ring({pair.domain: pair for pair in pairs}, now)
    if len(_rings) >= RINGS_MAX:
        _rings.clear()
    _rings[workspace_id] = ring
    return ring
