"""A process that takes slots and writes down when it used them: `python -m tests.emails.pacer FILE SECONDS RATE`.

KNOWN_BAD takes a guard out, which the test must notice: `in_memory` keeps the slots in the process, `no_lock` reads
them without a lock (PostgreSQL only: SQLite lets no second writer in).
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from datetime import UTC, datetime, timedelta


def main(file: str, seconds: float, rate: float) -> None:
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
    book = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    end = time.time() + seconds
    while time.time() < end:
        match turn():
            case Slot() as slot:
                sleep_until(slot.starts)
                now = datetime.now(UTC)
                if still_good(slot, now):
                    os.write(book, f"{now.timestamp():.6f}\n".encode())
            case Later(at=at):
                sleep_until(at)


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
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
