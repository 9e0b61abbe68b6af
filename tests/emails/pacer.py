"""A process that takes slots and writes down when it used them: `python -m tests.emails.pacer FILE DOTS RATE`.

It tells in FILE.ready that it is there, begins once there is a FILE, and ends when that has so many dots of all.
KNOWN_BAD takes a guard out, which the test must notice: `in_memory` keeps the slots in the process, `no_lock` reads
them without a lock (PostgreSQL only: SQLite lets no second writer in).
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from datetime import UTC, datetime, timedelta

LINE = len(f"{1e9:.6f}\n")  # Bytes of a moment
SECONDS_MAX = 60.0


def main(file: str, dots: int, rate: float) -> None:
    """One dot after the other, as quickly as the limit allows, each written down as seconds of the machine's clock."""
    from django.db import transaction

    from cocoonmail.emails.limits import Limits
    from cocoonmail.emails.pace import Later, Slot, Turn, reserve, still_good
    from cocoonmail.kit.clock import database_now
    from cocoonmail.transports.options import RATE_MAX

    def turn() -> Turn:
        with transaction.atomic():
            now = database_now()
            return reserve([limits.keys(1, next(recipients))], now)[0]

    # Some messages have two limits, so that rows are made and locked in each order; the domain's own is never met.
    limits = Limits(rate, {"gmail.com": RATE_MAX})
    recipients = itertools.cycle(["ada@example.com", "ada@gmail.com"])
    book, end = begun(file), time.monotonic() + SECONDS_MAX
    while os.fstat(book).st_size < dots * LINE and time.monotonic() < end:
        match turn():
            case Slot() as slot:
                sleep_until(slot.starts)
                now = datetime.now(UTC)
                if still_good(slot, now):
                    os.write(book, f"{now.timestamp():.6f}\n".encode())
            case Later(at=at):
                sleep_until(at)


def begun(file: str) -> int:
    """Say that we are ready, and wait for the book."""
    with open(f"{file}.ready", "ab") as ready:
        ready.write(b".")
    end = time.monotonic() + SECONDS_MAX
    while not os.path.exists(file):
        assert time.monotonic() < end, "nobody gave the start"
        time.sleep(0.002)
    return os.open(file, os.O_APPEND | os.O_WRONLY)


def sleep_until(at: datetime) -> None:
    """The database is on this machine, so its clock is ours."""
    time.sleep(max(0.0, (at - datetime.now(UTC)) / timedelta(seconds=1)))


def take_out(guard: str) -> None:
    """Make it bad."""
    from cocoonmail.emails import pace
    from cocoonmail.emails.limits import Key
    from cocoonmail.emails.models import Pace

    if guard == "in_memory":
        memory: dict[pace.Row, datetime] = {}

        def reserve(wanted: list[tuple[Key, ...]], now: datetime) -> list[pace.Turn]:
            for keys in wanted:
                for key in keys:
                    memory.setdefault(key.row, pace.LONG_AGO)
            return pace.take_turns(wanted, memory, now)

        vars(pace)["reserve"] = reserve
    if guard == "no_lock":
        vars(pace)["_locked"] = lambda rows: Pace.objects.filter(pace._any_of(rows))


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "cocoonmail.settings"
    django.setup()
    take_out(os.environ.get("KNOWN_BAD", ""))
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
