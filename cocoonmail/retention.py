"""Let go of what is finished and old enough, a little at a time: never of work, nor of what waits for a person.

A walk goes through a table in the order of its ids, a window of rows at a time, each a transaction of its own. The
next begins at the rows that were too young then; once a day, after a start, and when somebody keeps less long than
before, it begins at the first row, so that what finished late is found too. Its place is on no disk, and may be lost at
any time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, TypeAlias

from django.contrib.sessions.models import Session
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet

from cocoonmail.accounts.keeping import REMEMBERED
from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Event
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Frequency, Run, RunState

log = logging.getLogger(__name__)

FIRST_WALK = 60.0  # Seconds after the start of a worker
WALK_EVERY = 600.0  # Seconds from one walk to the next
WHOLE_EVERY = timedelta(days=1)  # From one walk through all that is old to the next
WINDOW_FIRST, WINDOW_MAX, WINDOW_MIN = 200, 2000, 20  # Rows
STEP = 0.02  # Seconds that a window should take; twice as long is the most that others wait for it (promise W10)
REST = 4  # Times what a window took, in which others have the database to themselves

Ages: TypeAlias = dict[int, timedelta]  # By workspace


@dataclass(frozen=True, slots=True)
class Shelf:
    """One table: from when its rows' age counts, how old they become, and what may be done with those of these ids."""

    model: type[Model]
    since: str
    age: Callable[[Workspace], timedelta]
    let_go: Callable[[QuerySet[Any]], object]


@dataclass(frozen=True, slots=True)
class Window:
    """What became of one step: the id up to which all is old, whether more may be, how long it took in seconds."""

    after: int
    more: bool
    seconds: float


@dataclass(slots=True)
class Mark:
    """How far walks along a shelf have come since one began at its first row, and how long was kept at the last one.

    By age the id up to which all rows are older; what was finished there is gone.
    """

    begun: datetime
    ages: Ages
    passed: dict[timedelta, int] = field(default_factory=dict)

    def holds(self, ages: Ages, now: datetime) -> bool:
        """Whether nothing can have become old enough behind it, but for what finished there, which has its day."""
        fewer = any(ages.get(workspace, age) < age for workspace, age in self.ages.items())
        return not fewer and abs(now - self.begun) < WHOLE_EVERY


def _remove_messages(messages: QuerySet[Message]) -> None:
    """What is held or unknown waits for a person, however long."""
    ended = [Status.SENT, Status.CAPTURED, Status.SKIPPED, Status.FAILED]
    messages.filter(status__in=ended, due_at=None).delete()


def _remove_runs(runs: QuerySet[Run]) -> None:
    """Of a loop that takes each contact in once its runs are the memory of that."""
    ended = runs.filter(state__in=[RunState.FINISHED, RunState.FAILED], due_at=None)
    once = Frequency.ONE_TIME
    ended.exclude(version__frequency=once).exclude(loop__frequency=once).exclude(
        loop__published__frequency=once
    ).delete()


def _remove_events(events: QuerySet[Event]) -> None:
    """Those that no run goes back to any more."""
    events.filter(~Exists(Run.objects.filter(event=OuterRef("pk")))).delete()


def _finished(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    return deliveries.exclude(state__in=[DeliveryState.WAITING, DeliveryState.PARKED]).filter(due_at=None)


def _remove_deliveries(deliveries: QuerySet[Delivery]) -> None:
    _finished(deliveries).delete()


def _empty_deliveries(deliveries: QuerySet[Delivery]) -> None:
    """Without their bodies they still tell a duplicate."""
    whole = _finished(deliveries).exclude(body=b"")
    if connection.vendor == "sqlite":
        _write_anew(whole)
    else:
        whole.update(body=b"", headers={})


def _write_anew(whole: QuerySet[Delivery]) -> None:
    """SQLite joins pages that have become emptier when rows are removed, and not when they become shorter."""
    with transaction.atomic():
        rows = list(whole.defer("body", "headers"))
        for row in rows:
            row.body, row.headers = b"", {}
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).delete()
        Delivery.objects.bulk_create(rows)


# In this order: an event goes when its runs are gone.
SHELVES = (
    Shelf(Message, "created_at", lambda one: timedelta(days=one.message_days), _remove_messages),
    Shelf(Run, "started_at", lambda one: timedelta(days=one.history_days), _remove_runs),
    Shelf(Event, "recorded_at", lambda one: timedelta(days=one.history_days), _remove_events),
    Shelf(Delivery, "received_at", lambda one: max(timedelta(days=one.webhook_days), REMEMBERED), _remove_deliveries),
    Shelf(Delivery, "received_at", lambda one: timedelta(days=one.webhook_days), _empty_deliveries),
)

Marks: TypeAlias = dict[Shelf, Mark]


def keep_tidy(stop: threading.Event) -> None:
    """Walk every now and then until told to stop. Belongs on a thread of its own."""
    pause, marks = FIRST_WALK, Marks()
    while not stop.wait(pause):
        pause = WALK_EVERY
        try:
            for window in walk(marks=marks):
                if stop.wait(window.seconds * REST):
                    break
        except (OperationalError, InterfaceError) as error:
            log.warning("What is old enough is let go of later, for the database does not answer: %s", error)
            close_old_connections()
    connection.close()


def walk(now: datetime | None = None, marks: Marks | None = None) -> Iterator[Window]:
    """Let go of all that is old enough at `now`, the database's time where it is not handed in; a window at a time.

    Begins at the marks that walks before have left, and moves them; without any it goes through all that is old.
    """
    # One moment for all shelves: an event must not be passed as old while its runs are still too young to go.
    now, marks = now or database_now(), Marks() if marks is None else marks
    yield from _remove_sessions(now)
    for shelf in SHELVES:
        ages = _ages(shelf)
        mark = marks.get(shelf)
        if mark is None or not mark.holds(ages, now):
            mark = marks[shelf] = Mark(now, ages)
        mark.ages = ages
        yield from _along(shelf, mark, now)


def _remove_sessions(now: datetime) -> Iterator[Window]:
    """Those of pages that have lapsed: nobody is logged in by them any more. An index finds them."""
    more = True
    while more:
        begin = time.monotonic()
        keys = list(Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)[:WINDOW_FIRST])
        Session.objects.filter(pk__in=keys).delete()
        more = len(keys) == WINDOW_FIRST
        yield Window(0, more, time.monotonic() - begin)


def _ages(shelf: Shelf) -> Ages:
    return {one.pk: shelf.age(one) for one in Workspace.objects.only("webhook_days", "history_days", "message_days")}


def _along(shelf: Shelf, mark: Mark, now: datetime) -> Iterator[Window]:
    """From each age's mark, the oldest first, to the rows that are too young for it; what lies between is skipped."""
    after, rows = 0, WINDOW_FIRST
    for age in sorted(set(mark.ages.values()), reverse=True):
        after, more = max(after, mark.passed.get(age, 0)), True
        while more:
            window = step(shelf, after, age, now, rows)
            after = mark.passed[age] = window.after
            more = window.more
            yield window
            rows = wanted(rows, window.seconds)


def wanted(rows: int, seconds: float) -> int:
    """How many rows the next window should have, after one of `rows` took so long."""
    return max(WINDOW_MIN, min(WINDOW_MAX, rows * 2, int(rows * STEP / max(seconds, 0.001))))


def step(shelf: Shelf, after: int, age: timedelta, now: datetime, rows: int) -> Window:
    """The next `rows` rows behind the one with the id `after`, up to those younger than `age`.

    Each row goes by its own workspace's days, as they are now. Ids and times go up together.
    """
    begin = time.monotonic()
    ages = _ages(shelf)
    found = shelf.model._default_manager.filter(pk__gt=after).order_by("pk")
    window = list(found.values_list("pk", "workspace_id", shelf.since)[:rows])
    if old := [pk for pk, workspace, since in window if now - since >= ages.get(workspace, now - since)]:
        shelf.let_go(shelf.model._default_manager.filter(pk__in=old))
    passed = [pk for pk, _, _ in takewhile(lambda row: now - row[2] >= age, window)]
    return Window(passed[-1] if passed else after, len(passed) == rows, time.monotonic() - begin)
