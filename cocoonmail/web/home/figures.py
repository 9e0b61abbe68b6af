"""What came in and went out, by day: one range of an index a day, quick after a million rows too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.loops.models import Loop, LoopState, Run, RunState
from cocoonmail.web.shared.days import DAYS, first_morning, named
from cocoonmail.web.shared.paging import COUNT_MAX

GONE_OUT = (Status.SENT, Status.CAPTURED)


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of the last 30 days, oldest first, with the days' names for a chart."""

    counts: list[int]
    days: list[tuple[str, int]]

    @property
    def today(self) -> str:
        """The last day's count."""
        return f"{self.counts[-1]:,}"

    @property
    def note(self) -> str:
        """All of them."""
        return f"30 days: {sum(self.counts):,}"


def received(workspace: Workspace, now: datetime) -> Series:
    """Webhooks that were taken in."""
    # By endpoint, for that is what the index is by.
    endpoints = Endpoint.objects.filter(workspace=workspace).values_list("pk", flat=True)
    return _series([Delivery.objects.filter(endpoint=pk) for pk in endpoints], "received_at", now)


def went_out(workspace: Workspace, now: datetime) -> Series:
    """Emails that were sent or captured, by the day they were made."""
    return _series(
        [Message.objects.filter(workspace=workspace, status=status) for status in GONE_OUT], "created_at", now
    )


def arrived(workspace: Workspace, now: datetime) -> Series:
    """New contacts."""
    return _series([Contact.objects.filter(workspace=workspace)], "created_at", now)


def _series(parts: Sequence[QuerySet[Any]], moment: str, now: datetime) -> Series:
    first = first_morning(now)
    counts = [sum(_on(rows, moment, first + timedelta(days=day)) for rows in parts) for day in range(DAYS)]
    return Series(counts, named(counts, now))


def _on(rows: QuerySet[Any], moment: str, morning: datetime) -> int:
    span = {f"{moment}__gte": morning, f"{moment}__lt": morning + timedelta(days=1)}
    return rows.filter(**span).order_by()[:COUNT_MAX].count()


def loops(workspace: Workspace) -> dict[str, str]:
    """How many people are inside, and in how many live loops."""
    ids = list(Loop.objects.filter(workspace=workspace).values_list("pk", flat=True))
    inside = Run.objects.filter(loop__in=ids, state=RunState.WAITING).order_by()[: COUNT_MAX + 1].count()
    live = Loop.objects.filter(workspace=workspace, state=LoopState.LIVE).count()
    note = f"in {live:,} live loop{'' if live == 1 else 's'}"
    return {"note": note, "inside": f"{COUNT_MAX:,}+" if inside > COUNT_MAX else f"{inside:,}"}
