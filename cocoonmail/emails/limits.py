"""How much mail may leave in a second: through a workspace's transport, and to one recipient domain within it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.emails.mime import address
from cocoonmail.transports.options import RATE_MAX, RATE_MIN

DOMAINS_MAX = 100  # Domains with a limit in one workspace

# A final dot leaves up to this long after its slot: the commit of its mark, the event loop, the network's buffer.
JITTER = timedelta(milliseconds=100)

RATE_WORDS = f"Write a number of messages per second from {RATE_MIN:g} to {RATE_MAX:,.0f}, such as 5 or 0.5."
DOMAINS_WORDS = f"A workspace has limits for {DOMAINS_MAX} domains at most."


class BadLimit(ValueError):
    """The limit cannot be. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is paced: a workspace's transport (`name` is "") or one recipient domain; `rate` in messages per second."""

    workspace_id: int
    name: str
    rate: float

    @property
    def row(self) -> tuple[int, str]:
        """What it is, whatever its rate is at present."""
        return self.workspace_id, self.name

    @property
    def interval(self) -> timedelta:
        """From one slot to the next."""
        return interval(self.rate)


@dataclass(frozen=True, slots=True)
class Limits:
    """A workspace's limits in messages per second; `domains` by lower-case A-label. A subdomain inherits none."""

    transport: float | None = None
    domains: Mapping[str, float] = field(default_factory=dict)

    def keys(self, workspace_id: int, recipient: str) -> tuple[Key, ...]:
        """What paces a message for this address: nothing, one or two; the transport comes first."""
        keys = () if self.transport is None else (Key(workspace_id, "", self.transport),)
        domain = domain_of(recipient) if self.domains else ""
        return (*keys, Key(workspace_id, domain, self.domains[domain])) if domain in self.domains else keys


UNLIMITED = Limits()


@lru_cache(maxsize=1000)
def interval(rate: float) -> timedelta:
    """How far apart slots are so that no window holds too many dots, although each leaves up to JITTER after its slot.

    The window is one second, or 1 / `rate` seconds for less than one message per second. For one dot too many it would
    have to hold the first and the last of n + 1 slots, which are n intervals apart, less the JITTER by which the first
    may be late. Hence at most ⌈rate⌉ in any second and 60 x rate in any 60 seconds.
    """
    seconds = (max(1.0, 1 / rate) + JITTER.total_seconds()) / max(1.0, rate)
    return timedelta(microseconds=math.ceil(seconds * 1_000_000))


def domain_of(recipient: str) -> str:
    """The address's domain as a lower-case A-label, "" where it is no address."""
    return (address(recipient) or "").rpartition("@")[2]


def read_domain_rates(rates: Mapping[str, float]) -> dict[str, float]:
    """Limits by domain as they are stored. Raises BadLimit."""
    read = {read_domain(text): read_rate(rate) for text, rate in rates.items()}
    if len(read) != len(rates):
        raise BadLimit("A domain is named twice, in two spellings.")
    if len(read) > DOMAINS_MAX:
        raise BadLimit(DOMAINS_WORDS)
    return read


def read_domain(text: str) -> str:
    """A domain as a person writes it, also with the @ before it, as a lower-case A-label. Raises BadLimit."""
    try:
        return parse(f"a@{text.strip().removeprefix('@').rstrip('.')}").key.removeprefix("a@")
    except NotAnAddress:
        raise BadLimit(f"“{text[:80]}” is no domain. It looks like gmail.com.") from None


def read_rate(rate: float) -> float:
    """A number of messages per second within its limits, whole where it can be. Raises BadLimit."""
    if not RATE_MIN <= rate <= RATE_MAX:
        raise BadLimit(RATE_WORDS)
    return int(rate) if rate == int(rate) else rate
