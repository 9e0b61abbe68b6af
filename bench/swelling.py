"""The inside of `bench swell`: lives through simulated days beside a worker, checks what is left, prints its figures.

Rows carry the times at which they were really written. At the end of a day the walk of retention is handed the moment
at which just what came 35 days before is old enough; bodies, which are kept for one day, are emptied at the end of
theirs. So a day is over when its webhooks have come to their end, however long that took.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import median

import django

django.setup()

from django.db import DEFAULT_DB_ALIAS, connection, connections  # noqa: E402 - needs the settings
from django.db.models import Model  # noqa: E402

from bench.processing import BATCH, NOW, arrived  # noqa: E402
from bench.result import CheckFailed  # noqa: E402
from bench.stage import cpu_seconds  # noqa: E402
from cocoonmail import retention  # noqa: E402
from cocoonmail.accounts.keeping import REMEMBERED  # noqa: E402
from cocoonmail.contacts.models import Contact, Event  # noqa: E402
from cocoonmail.emails.models import Message, Status  # noqa: E402
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint  # noqa: E402
from cocoonmail.intake.receive import receive  # noqa: E402
from cocoonmail.kit.clock import database_now  # noqa: E402
from cocoonmail.loops.models import Run, RunState  # noqa: E402
from cocoonmail.platforms.stripe.samples import sample  # noqa: E402

KEPT_DAYS = REMEMBERED.days
UNFINISHED = 10  # Rows of the first day of each kind that are not finished, and so must stay
LOOK_EVERY = 0.01  # Seconds
PATIENCE = 120.0  # Seconds that a day may take
RECOVERED = 0.9  # Of the rate before
AFTER = 60.0  # Seconds in which that must be reached
HELD = (Delivery, Event, Run, Message)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: webhooks per second with the walk counted in, MB in use and of the whole, seconds of the walk."""

    number: int
    rate: float
    used: float
    size: float
    walk: float
    cpu: float
    snapshot: bool = False


@dataclass
class House:
    """The installation, its worker's process id, how many webhooks a day has; when it began and when each day ended."""

    endpoint: Endpoint
    worker: int
    webhooks: int
    begun: datetime
    ends: list[datetime] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    snapshot: bool = False

    def live(self, days: int) -> list[Day]:
        """So many days; returns them."""
        return [self.day() for _ in range(days)]

    def day(self) -> Day:
        """Take in, have it worked off, let go, check."""
        number, begin, used = len(self.days), time.perf_counter(), cpu_seconds(self.worker)
        last = Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self.take_in(number)
        self.wait(last)
        self.ends.append(database_now())
        if not number:
            self.leave_unfinished()
        walk = sum(window.seconds for window in retention.walk(self.moment()))
        rate = self.webhooks / (time.perf_counter() - begin)
        cpu = (cpu_seconds(self.worker) - used) / self.webhooks * 1e6
        self.check()
        self.days.append(Day(number, rate, *sizes(), walk, cpu, self.snapshot))
        return self.days[-1]

    def take_in(self, day: int) -> None:
        """Every customer pays once a day; stored as the door stores."""
        event = sample("invoice.paid", email="ada@example.com", name="Ada Lovelace", now=NOW + day, token="bench")
        for begin in range(0, self.webhooks, BATCH):
            people = range(begin, min(begin + BATCH, self.webhooks))
            receive([arrived(self.endpoint, event, f"{day}x{person}", str(person)) for person in people])

    def wait(self, last: int) -> None:
        """Until each webhook of the day is a message that was captured; their ids come after `last`."""
        end = time.monotonic() + PATIENCE
        while Message.objects.filter(pk__gt=last, status=Status.CAPTURED).count() < self.webhooks:
            if time.monotonic() > end:
                raise CheckFailed(f"After {PATIENCE:g} s there was still work of day {len(self.days)}.")
            time.sleep(LOOK_EVERY)

    def leave_unfinished(self) -> None:
        """What waits for a person or a customer, however old it becomes."""
        for model, changes in (
            (Message, {"status": Status.HELD}),
            (Run, {"state": RunState.WAITING}),
            (Delivery, {"state": DeliveryState.PARKED}),
        ):
            rows = model._default_manager.order_by("pk").values_list("pk", flat=True)[:UNFINISHED]
            model._default_manager.filter(pk__in=list(rows)).update(**changes)

    def moment(self) -> datetime:
        """When what came 35 days ago is old enough, and nothing that came later."""
        gone = len(self.ends) - KEPT_DAYS - 1
        return (self.ends[gone] if gone >= 0 else self.begun) + REMEMBERED

    def check(self) -> None:
        """What is kept is there and no more; raises CheckFailed."""
        days = len(self.ends)
        wanted = min(days, KEPT_DAYS) * self.webhooks + (UNFINISHED if days > KEPT_DAYS else 0)
        left = {model.__name__: rows(model) for model in HELD}
        if set(left.values()) != {wanted}:
            raise CheckFailed(f"After day {days - 1} {wanted} of each should be left, but: {left}.")
        if (people := Contact.objects.count()) != self.webhooks:
            raise CheckFailed(f"{self.webhooks} people paid every day, and there are {people} contacts.")
        if (whole := Delivery.objects.exclude(body=b"").count()) != UNFINISHED:
            raise CheckFailed(f"{UNFINISHED} webhooks are not finished, and {whole} have their bodies.")

    def check_memory(self) -> None:
        """The oldest webhooks that are kept are known when they come again; raises CheckFailed."""
        oldest = len(self.ends) - KEPT_DAYS
        self.take_in(oldest)
        again = Delivery.objects.filter(duplicates=1)
        if again.count() != self.webhooks or Delivery.objects.filter(due_at__isnull=False).exists():
            raise CheckFailed(f"Of {self.webhooks} webhooks of day {oldest} {again.count()} were known.")
        self.check()


def rows(model: type[Model]) -> int:
    """How many of them there are."""
    return model._default_manager.count()


def sizes() -> tuple[float, float]:
    """MB in use and of the whole database; on PostgreSQL, which does not tell the first, the whole twice."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            whole = cursor.fetchone()[0] / 1e6
            return whole, whole
        told = {}
        for name in ("page_size", "page_count", "freelist_count"):
            cursor.execute(f"PRAGMA {name}")
            told[name] = cursor.fetchone()[0]
    pages, free, size = told["page_count"], told["freelist_count"], told["page_size"]
    return (pages - free) * size / 1e6, pages * size / 1e6


def main(webhooks: int, days: int, snapshot: int, worker: int) -> None:
    """Days until the time of retention is full, `days` more, then those with an open snapshot and after it."""
    house = House(Endpoint.objects.get(), worker, webhooks, database_now())
    full = house.live(KEPT_DAYS + 1)[-1]
    steady = house.live(days)
    house.check_memory()
    third = max(len(steady) // 3, 1)
    told = {
        "limit": median(day.rate for day in steady[:third]),
        "rate": median(day.rate for day in steady[-third:]),
        "full": full.size,
        "size": max(day.size for day in steady),
        "walk": median(day.walk for day in steady),
        "cpu": median(day.cpu for day in steady[-third:]),
        "rows_checked": len(house.ends) * webhooks,
        **(beside_a_snapshot(house, snapshot) if snapshot else {}),
    }
    print(json.dumps({**told, "days": [asdict(day) for day in house.days]}))


def beside_a_snapshot(house: House, days: int) -> dict[str, float | None]:
    """The rate at the end of so many days in which a transaction stays open, and how soon it is as before after it."""
    before = median(day.rate for day in house.days[-days:])
    with open_snapshot():
        house.snapshot = True
        during = house.live(days)
        house.snapshot = False
    closed, recovered = time.monotonic(), None
    while recovered is None and time.monotonic() - closed < AFTER:
        begun = time.monotonic() - closed
        recovered = begun if house.day().rate >= RECOVERED * before else None
    return {
        "during": median(day.rate for day in during[-max(days // 3, 1) :]),
        "before": before,
        "recovered": recovered,
    }


@contextlib.contextmanager
def open_snapshot() -> Iterator[None]:
    """A reader that looks at the database as it was, and keeps PostgreSQL from forgetting what died since."""
    reader = connections.create_connection(DEFAULT_DB_ALIAS)
    with contextlib.closing(reader), reader.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM intake_endpoint")
        yield


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
