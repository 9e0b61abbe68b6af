"""What would be sent as soon as sending starts: how much, since when, by loop; and a way to send none of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Min, QuerySet

from cocoonmail.emails.models import Message, Status
from cocoonmail.loops.models import Loop

DISCARDED = "discarded by a person while sending was paused"
LOOPS_MAX = 20  # Loops that are named; what is in the others is one line


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that wait while sending is paused. `loops` are (name, how many), most first."""

    count: int
    oldest: datetime | None
    loops: list[tuple[str, int]]


def waiting(messages: QuerySet[Message]) -> Waiting:
    """Which of these messages wait to be sent."""
    queued = messages.filter(status=Status.QUEUED).order_by()
    counts = list(queued.values_list("loop_id").annotate(many=Count("pk"), since=Min("created_at")).order_by("-many"))
    names = dict(Loop.objects.filter(pk__in=[pk for pk, *_ in counts]).values_list("pk", "name"))
    loops = [(names.get(pk, "deleted loop"), many) for pk, many, _ in counts[:LOOPS_MAX]]
    if rest := sum(many for _, many, _ in counts[LOOPS_MAX:]):
        loops.append(("other loops", rest))
    return Waiting(sum(many for _, many, _ in counts), min((since for *_, since in counts), default=None), loops)


def discard(messages: QuerySet[Message]) -> int:
    """Send none of what waits among these messages, for good. Returns how many that were."""
    queued = messages.filter(status=Status.QUEUED)
    return queued.update(status=Status.SKIPPED, reason=DISCARDED, due_at=None, epoch=F("epoch") + 1)
