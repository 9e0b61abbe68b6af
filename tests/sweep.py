"""One journey of three messages, taken again and again by workers that end at each point of their way, and audited."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from cocoonmail.transports.options import CONNECTIONS
from tests import audit
from tests.doom import Point
from tests.doomed import Doomed
from tests.house import Installation, create_database, drop_database, installation
from tests.shop import FILE, event
from tests.sink import REFUSED, Sink, sink

REFERENCES = 3  # Journeys whose passings are counted: only what all of them pass is swept
TRIES = 5  # Journeys until one passes a point: what is written together depends on the moment


@dataclass
class Sweep:
    """The journey, prepared: a marketing message, a transactional one, and one whose recipient is refused."""

    house: Installation
    far: Sink
    workers: Doomed
    missed: list[Point] = field(default_factory=list)

    def points(self, threads: tuple[str, ...]) -> list[Point]:
        """Both sides of all that the journey passes on these threads."""
        books = [self.passed() for _ in range(REFERENCES)]
        always: Counter[str] = Counter(books[0])
        for book in books[1:]:
            always &= book
        kinds = [(what, nth + 1) for what, number in always.items() for nth in range(number)]
        return [Point(*kind, after) for kind in kinds if kind[0].startswith(threads) for after in (False, True)]

    def passed(self) -> Counter[str]:
        """How often a whole journey passes each kind."""
        self.begin_anew()
        book = self.house.folder / "book"
        book.unlink(missing_ok=True)
        self.workers.finish(self.workers.start(book=book))
        assert not (found := self.findings(0)), found
        return Counter(book.read_text().splitlines())

    def killed(self, point: Point) -> list[str]:
        """A worker dies there, its leases end, the next one does what is left; returns the findings."""
        if not any(self.dies(point) for _ in range(TRIES)):
            return self.absent(point)
        marked = self.house.rows(MARKED)[0][0]
        self.house.end_leases()
        self.workers.finish(self.workers.start())
        return [f"{found}, killed {point}" for found in self.findings(marked)]

    def dies(self, point: Point) -> bool:
        """Whether a worker came there."""
        self.begin_anew()
        return self.workers.ended(self.workers.start(point)) == str(-signal.SIGKILL)

    def stopped(self, point: Point) -> list[str]:
        """A worker stands still there until its leases are over and another has done the work, then goes on."""
        stale = next(filter(None, (self.stands(point) for _ in range(TRIES))), None)
        if stale is None:
            return self.absent(point)
        self.house.end_leases()
        self.workers.finish(self.workers.start())
        os.kill(stale, signal.SIGCONT)
        self.workers.finish(stale)
        return [f"{found}, stopped {point}" for found in self.findings(CONNECTIONS)]

    def stands(self, point: Point) -> int | None:
        """A worker that came there and keeps nobody from the database, for otherwise there is nothing to see."""
        self.begin_anew()
        worker = self.workers.start(point, signal.SIGSTOP)
        if self.workers.ended(worker) == "stands":
            if not locked(self.house):
                return worker
            os.kill(worker, signal.SIGKILL)
            self.workers.ended(worker)
        return None

    def absent(self, point: Point) -> list[str]:
        """No worker came there. How often one looks for work depends on the moment; that it does so at all does not."""
        if point.nth == 1:
            return [f"never passed: {point}"]
        self.missed.append(point)
        return []

    def begin_anew(self) -> None:
        """The database as it was prepared, without anything that tells of later, and nothing at the server."""
        (self.house.data / "epoch").unlink(missing_ok=True)
        restore(self.house)
        self.far.taken.clear()

    def findings(self, unknown_max: int) -> list[str]:
        """The audit, kept outside of the system."""
        statuses = self.house.counted("emails_message", "status")
        findings = [f"{statuses.total()} messages instead of 3"] if statuses.total() != 3 else []
        return [*findings, *audit.letters(self.house, self.far.ids(), unknown_max)]


MARKED = "SELECT count(*) FROM emails_message WHERE status = 'sending'"


@contextmanager
def sweep(folder: Path, advanced: bool = True) -> Iterator[Sweep]:
    """A journey that begins where three webhooks have become messages, or else at the webhooks."""
    with sink() as far, installation(folder, FILE % far.url) as house:
        house.web()
        house.post(event("customer.created", "ada@example.com"))
        house.post(event("invoice.paid", "bob@example.com"))
        house.post(event("invoice.paid", f"{REFUSED}example.com"))
        assert house.stop("web") == 0
        if advanced:
            house.module("tests.inside", "advance")
        keep(house)
        yield Sweep(house, far, Doomed(house))


def keep(house: Installation) -> None:
    """Keep the database as it is, for `restore`. Nobody else may use it."""
    if house.database_url:
        create_database(f"{house.database}_kept", house.database)
    else:
        shutil.copy(sqlite(house), kept(house))


def restore(house: Installation) -> None:
    """Put the kept database in the place of the present one, whose workers are dead."""
    if house.database_url:
        drop_database(house.database)
        create_database(house.database, f"{house.database}_kept")
        return
    for left in house.data.glob("cocoonmail.sqlite3*"):
        left.unlink()
    shutil.copy(kept(house), sqlite(house))


def locked(house: Installation) -> bool:
    """Whether somebody keeps others from writing."""
    try:
        house.rows("UPDATE emails_message SET due_at = due_at", patience=0.2)
    except (sqlite3.OperationalError, psycopg.errors.LockNotAvailable):
        return True
    return False


def sqlite(house: Installation) -> Path:
    return house.data / "cocoonmail.sqlite3"


def kept(house: Installation) -> Path:
    return house.folder / "kept.sqlite3"
