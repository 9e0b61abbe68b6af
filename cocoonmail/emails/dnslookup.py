"""TXT records, asked of the DNS with time-outs; what came of it as a value."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.rdtypes.ANY.TXT import TXT
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoAnswer, NoNameservers, NoResolverConfiguration

TRY = 2.0  # Seconds for one name server to answer
LOOK_UP = 5.0  # Seconds for one name in all; a person waits for it
TEXTS_MAX = 20  # Records at one name that are looked at
TEXT_MAX = 4096  # Characters of one record that are looked at

assert TRY < LOOK_UP


@dataclass(frozen=True, slots=True)
class Found:
    """The records at a name, each put together from its strings."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no TXT record at this name."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody knows: the name servers did not say, and this is why."""

    reason: str


Answer: TypeAlias = Found | Absent | Unanswered


def look_up(names: Iterable[str]) -> Mapping[str, Answer]:
    """The TXT records of each name, all asked at once; takes at most LOOK_UP seconds. Not for use on an event loop."""
    return asyncio.run(_look_up(list(names)))


async def _look_up(names: list[str]) -> dict[str, Answer]:
    try:
        resolver = resolver_of_this_machine()
    except NoResolverConfiguration:
        return dict.fromkeys(names, Unanswered("this machine has no name server configured"))
    answers = await asyncio.gather(*(_ask(resolver, name) for name in names))
    return dict(zip(names, answers, strict=True))


def resolver_of_this_machine() -> Resolver:
    """The name servers of the machine's settings, read anew, for they change under a process that runs for months."""
    resolver = Resolver()
    resolver.timeout, resolver.lifetime = TRY, LOOK_UP
    return resolver


async def _ask(resolver: Resolver, name: str) -> Answer:
    try:
        answer = await resolver.resolve(f"{name}.", "TXT")
    except (NXDOMAIN, NoAnswer):
        return Absent()
    except LifetimeTimeout:
        return Unanswered(f"no name server answered within {LOOK_UP:.0f} seconds")
    except NoNameservers:
        return Unanswered("the name servers answered with an error")
    except (DNSException, OSError) as error:
        return Unanswered(f"{type(error).__name__}")
    texts = [b"".join(one.strings).decode("ascii", "replace") for one in answer if isinstance(one, TXT)]
    return Found(tuple(text[:TEXT_MAX] for text in texts[:TEXTS_MAX]))
