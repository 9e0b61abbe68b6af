"""What came in and went out, by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.loops.models import Loop, LoopState, Run, RunState
from cocoonmail.web.shared.counting import Group, count_of, in_words
from cocoonmail.web.shared.days import DAYS, by_day, named

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
    return _series(Delivery, [{"endpoint": pk} for pk in endpoints], "received_at", now)


def went_out(workspace: Workspace, now: datetime) -> Series:
    """Emails that were sent or captured, by the day they were made."""
    return _series(
        Message, [{"workspace": workspace.pk, "status": status.value} for status in GONE_OUT], "created_at", now
    )


def arrived(workspace: Workspace, now: datetime) -> Series:
    """New contacts."""
    return _series(Contact, [{"workspace": workspace.pk}], "created_at", now)


def _series(model: type[Model], groups: Sequence[Group], moment: str, now: datetime) -> Series:
    counts = [sum(day) for day in zip([0] * DAYS, *by_day(model, groups, moment, now), strict=True)]
    return Series(counts, named(counts, now))


def loops(workspace: Workspace) -> dict[str, str]:
    """How many people are inside, and in how many live loops."""
    ids = list(Loop.objects.filter(workspace=workspace).values_list("pk", flat=True))
    inside = count_of(Run.objects.filter(loop__in=ids, state=RunState.WAITING))
    live = Loop.objects.filter(workspace=workspace, state=LoopState.LIVE).count()
    note = f"in {live:,} live loop{'' if live == 1 else 's'}"
    return {"note": note, "inside": in_words(inside)}
