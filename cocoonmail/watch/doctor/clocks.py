"""Whether the clocks agree: this machine's, the workers', the database's and the senders'."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from cocoonmail.intake.models import Delivery
from cocoonmail.kit.clock import database_now
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning
from cocoonmail.watch.models import ALIVE, Worker

NOTICED = 2.0  # Seconds of difference that a clock under NTP never has
TOO_FAR = 60.0  # A fifth of what a signature's age may be
SENDERS_NOTICED = 5  # Seconds; a sender's clock may stray a little
RECENT = 1000  # Deliveries looked at

NTP = "Let NTP keep the clocks of all machines (timedatectl set-ntp true)."


def clocks() -> Iterator[Finding]:
    """All that can be compared."""
    began = time.time()
    now = database_now()
    yield from difference("This machine", (began + time.time()) / 2 - now.timestamp())
    yield from of_workers(now)
    yield from senders([ahead for ahead in _ahead() if ahead >= SENDERS_NOTICED])


def of_workers(now: datetime) -> Iterator[Finding]:
    """Machines of workers that are alive, where their clocks differ."""
    for worker in Worker.objects.filter(seen_at__gt=now - ALIVE).order_by("name"):
        if abs(worker.offset) >= NOTICED:
            yield from difference(f"The machine of worker {worker.name.rpartition(':')[0]}", worker.offset)


def _ahead() -> list[int]:
    return list(Delivery.objects.order_by("-pk").values_list("clock_ahead", flat=True)[:RECENT])


def difference(whose: str, seconds: float) -> Iterator[Finding]:
    """`seconds` ahead of the database's clock."""
    words = f"{whose} is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} the database's clock."
    if abs(seconds) >= TOO_FAR:
        yield problem("clocks", f"{words} Webhooks are refused for the age of their signatures from 300 s on.", NTP)
    elif abs(seconds) >= NOTICED:
        yield warning("clocks", words, NTP)
    else:
        yield ok("clocks", f"{whose} and the database agree on the time.")


def senders(ahead: list[int]) -> Iterator[Finding]:
    """How far the clocks of senders were ahead of ours, of those that were: ours may be behind."""
    if ahead:
        words = f"{len(ahead)} of the last {RECENT} webhooks were signed up to {max(ahead)} s in the future."
        yield warning("clocks", f"{words} This machine's clock was behind.", NTP)
