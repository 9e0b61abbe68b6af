"""The inside of `bench waits`: fills a loop with people who wait, says when their waits end, looks when they did."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 - needs the settings

from bench import processing  # noqa: E402
from bench.result import CheckFailed, percentile  # noqa: E402
from cocoonmail.emails.models import Message, Status  # noqa: E402
from cocoonmail.intake.models import Endpoint  # noqa: E402
from cocoonmail.kit.clock import database_now  # noqa: E402
from cocoonmail.loops.models import Run, RunState  # noqa: E402

DATED = 1000  # Of them a second, at least
BEFORE, BETWEEN = timedelta(seconds=5), timedelta(seconds=3)  # The first end; those at idle and the many
LOOK_EVERY = 0.05  # Seconds between two looks at what was taken; so much too late it may seem
PATIENCE = 120.0  # Seconds after the last end until what has not come has failed


class Taken(NamedTuple):
    """When the step after a run's wait was begun, when that was seen to be on disk, and when its message had left."""

    begun: datetime
    seen: datetime
    sent: datetime


def fill(runs: int) -> None:
    """So many people come into the loop and wait there."""
    processing.fill(Endpoint.objects.get(), 0, runs)
    processing.process(0)
    if (waiting := Run.objects.filter(state=RunState.WAITING, due_at__isnull=False).count()) != runs:
        raise CheckFailed(f"{runs} webhooks came and {waiting} runs wait.")


def measure(idle: int, rate: int) -> None:
    """`idle` waits end one by one, all others `rate` a second after them; a worker is there."""
    ids = list(Run.objects.order_by("pk").values_list("pk", flat=True))
    random.Random(5).shuffle(ids)  # noqa: S311 - who came first is not whose wait ends first.
    ends = dated(ids, idle, rate)
    alone = dict(list(ends.items())[:idle])
    taken = took(ends)
    check(ends, taken)
    many = {run: end for run, end in ends.items() if run not in alone}
    print(json.dumps({"idle": figures(alone, taken), "many": figures(many, taken)}))


def dated(ids: list[int], idle: int, rate: int) -> dict[int, datetime]:
    """Says of each run when its wait ends, in this order. Returns the moments by run."""
    first = database_now() + BEFORE + timedelta(seconds=len(ids) / DATED)
    dice = random.Random(7)  # noqa: S311 - the same ones each time
    moment, ends = first, dict[int, datetime]()
    for at, pk in enumerate(ids):
        moment += timedelta(seconds=dice.uniform(0.4, 1.0) if at < idle else 1 / rate)
        ends[pk] = moment + (BETWEEN if at >= idle else timedelta())
    adapted = connection.ops.adapt_datetimefield_value
    with transaction.atomic(), connection.cursor() as cursor:
        told = [(adapted(moment), pk) for pk, moment in ends.items()]
        cursor.executemany(f"UPDATE {Run._meta.db_table} SET due_at = %s WHERE id = %s", told)  # noqa: S608
    if database_now() > first:
        raise CheckFailed("It took too long to say when each wait ends.")
    return ends


def took(ends: Mapping[int, datetime]) -> dict[int, Taken]:
    """Looks until all are through. Raises CheckFailed when some have not come to their end long after their time."""
    end = time.monotonic() + (max(ends.values()) - database_now()).total_seconds() + PATIENCE
    seen: dict[int, datetime] = {}
    last = 0
    while Message.objects.exclude(status=Status.CAPTURED).exists() or len(seen) < len(ends):
        # One worker's steps are taken one batch after the other, so no smaller id comes later.
        new = list(Message.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "run_id"))
        now = database_now()
        seen |= {run: now for _, run in new if run is not None}
        last = new[-1][0] if new else last
        if time.monotonic() > end:
            raise CheckFailed(f"{len(ends)} waits ended, and {len(seen)} messages were made.")
        time.sleep(LOOK_EVERY)
    rows = Message.objects.values_list("run_id", "created_at", "sent_at")
    return {run: Taken(begun, seen[run], sent) for run, begun, sent in rows if run is not None and sent is not None}


def check(ends: Mapping[int, datetime], taken: Mapping[int, Taken]) -> None:
    """Each run went on once, and none before its time; raises CheckFailed."""
    if Message.objects.count() != len(ends) or taken.keys() != ends.keys():
        raise CheckFailed(f"{len(ends)} waits ended, and {Message.objects.count()} messages were made.")
    if finished := Run.objects.exclude(state=RunState.FINISHED).count():
        raise CheckFailed(f"{finished} runs have not finished.")
    if early := sum(taken[run].begun < end for run, end in ends.items()):
        raise CheckFailed(f"{early} of {len(ends)} waits were too short.")


def figures(ends: Mapping[int, datetime], taken: Mapping[int, Taken]) -> dict[str, dict[str, float]]:
    """Milliseconds from the ends to when the next step was seen to be taken, and to when its message had left."""
    seen = [(taken[run].seen - end).total_seconds() * 1000 for run, end in ends.items()]
    sent = [(taken[run].sent - end).total_seconds() * 1000 for run, end in ends.items()]
    return {name: shares(times) for name, times in (("taken", seen), ("sent", sent))}


def shares(times: list[float]) -> dict[str, float]:
    """As a result takes them."""
    return {f"p{share}": percentile(times, share / 100) for share in (50, 95, 99)}


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    fill(*map(int, numbers)) if what == "fill" else measure(*map(int, numbers))
