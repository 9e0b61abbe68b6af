"""One journey of three messages, taken again and again by workers that end at each point of their way, and audited."""

from __future__ import annotations

import os
import re
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
CERTAIN_TRIES = 25  # The same for what each journey passes
LOCKED_TRIES = 50  # Journeys until one stands where it keeps nobody from the database
# What each journey passes at least once, whatever is written together and however long it waits for more.
CERTAIN = (
    "stages: connect",
    "stages: _commit",
    'stages: INSERT INTO "contacts_event"',
    'stages: INSERT INTO "emails_message"',
    "desk_0: connect",
    'desk_0: UPDATE "emails_message" SET "due_at"',
    "ledger: connect",
    'ledger: UPDATE "emails_message" SET "status" = %s…, "due_at"',  # The mark
    "ledger: _commit",
    "sending: MAIL",
    "sending: RCPT",
    "sending: DATA",
    "sending: the final dot",
)
READS = re.compile(r"\w+: (SELECT|PRAGMA|WITH)\b(?!.*\b(nextval|UPDATE|INSERT|DELETE)\b)")
READS_MAX = 4  # Of one kind in a journey; whoever reads more often looks whether there is more to do


@dataclass
class Sweep:
    """The journey, prepared: a marketing message, a transactional one, and one whose recipient is refused."""

    house: Installation
    far: Sink
    workers: Doomed
    missed: list[Point] = field(default_factory=list)

    def points(self, threads: tuple[str, ...]) -> list[Point]:
        """Both sides of all that the journey passes on these threads; one of what only reads, which changes nothing."""
        books = [self.passed() for _ in range(REFERENCES)]
        always: Counter[str] = Counter(books[0])
        for book in books[1:]:
            always &= book
        missing = [
            one for one in CERTAIN if one.startswith(threads) and not any(what.startswith(one) for what in always)
        ]
        assert not missing, f"no journey, or not each, passed {missing}: {sorted(always)}"
        return [point for what, number in always.items() if what.startswith(threads) for point in sides(what, number)]

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
        if not any(self.dies(point) for _ in range(tries(point))):
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
        stale = self.stale(point)
        if stale is None:
            return self.absent(point)
        self.house.end_leases()
        self.workers.finish(self.workers.start())
        os.kill(stale, signal.SIGCONT)
        self.workers.finish(stale)
        return [f"{found}, stopped {point}" for found in self.findings(CONNECTIONS)]

    def stale(self, point: Point) -> int | None:
        """A worker that stands there and keeps nobody from the database, for otherwise there is nothing to see."""
        absent = locked = 0
        while absent < tries(point) and locked < LOCKED_TRIES:
            self.begin_anew()
            worker = self.workers.start(point, signal.SIGSTOP)
            if self.workers.ended(worker) != "stands":
                absent += 1
            elif not keeps_others_out(self.house):
                return worker
            else:
                locked += 1
                self.workers.kill(worker)
        return None

    def absent(self, point: Point) -> list[str]:
        """No worker came there. How often one looks, and what it writes together, depends on the moment."""
        if certain(point):
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


def sides(what: str, number: int) -> Iterator[Point]:
    """The points of a kind that is passed so many times."""
    for nth in range(1, (min(number, READS_MAX) if READS.match(what) else number) + 1):
        yield Point(what, nth, after=False)
        if not READS.match(what):
            yield Point(what, nth, after=True)


def certain(point: Point) -> bool:
    """Whether each journey passes this point."""
    return point.nth == 1 and point.what.startswith(CERTAIN)


def tries(point: Point) -> int:
    """In how many journeys a point is looked for."""
    return CERTAIN_TRIES if certain(point) else TRIES


@contextmanager
def sweep(folder: Path, advanced: bool = True) -> Iterator[Sweep]:
    """A journey that begins where three webhooks have become messages, or else at the webhooks."""
    with sink() as far, installation(folder, FILE % far.url) as house:
        house.web()
        house.deliver(event("customer.created", "ada@example.com"))
        house.deliver(event("invoice.paid", "bob@example.com"))
        house.deliver(event("invoice.paid", f"{REFUSED}example.com"))
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


def keeps_others_out(house: Installation) -> bool:
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
