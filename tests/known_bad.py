"""The command line with one guard taken out, which KNOWN_BAD names: what the tests of crashes must notice.

Run as `python -m tests.known_bad web …`. A test that passes with one of these is no test.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model

from cocoonmail import cli
from cocoonmail.cli import serving

WRITE_BEHIND = 0.25  # Seconds


def answer_before_commit() -> None:
    """The door answers 200 at once and lets the disk follow: quick, and a lie."""
    from cocoonmail.intake.door import Door
    from cocoonmail.intake.receive import Arrived, Stored

    async def store(self: Door, arrived: Arrived) -> Stored:
        def write() -> None:
            self.__dict__.setdefault("behind", set()).add(asyncio.ensure_future(self._disk.submit(arrived)))

        asyncio.get_running_loop().call_later(WRITE_BEHIND, write)
        return Stored(duplicate=False)

    Door._store = store  # type: ignore[method-assign]
    careless: Any = Door
    careless.take = lambda *_: False  # All requests go by the way that lies


def send_again() -> None:
    """What a vanished worker had marked is sent once more, as if its final dot could not have been taken."""
    from cocoonmail import dispatch
    from cocoonmail.emails.models import Message, Status

    def requeue(now: datetime, _: object) -> int:
        return Message.objects.filter(status=Status.SENDING, due_at__lte=now).update(status=Status.QUEUED, due_at=now)

    vars(dispatch)["orphans_to_unknown"] = requeue


def mark_after_dot() -> None:
    """The final dot is sent with the rest of the message, and its mark follows."""
    from cocoonmail.transports.base import Envelope, Handover, Outcome, Prepared
    from cocoonmail.transports.smtp import SmtpConnection

    class Gone(Prepared):
        def __init__(self, outcome: Outcome) -> None:
            self.outcome = outcome

        async def commit(self) -> Outcome:
            return self.outcome

        async def abandon(self) -> None:
            pass

    prepare = SmtpConnection.prepare

    async def hand_over(self: SmtpConnection, envelope: Envelope) -> Handover:
        handover = await prepare(self, envelope)
        return Gone(await handover.commit()) if isinstance(handover, Prepared) else handover

    SmtpConnection.prepare = hand_over  # type: ignore[method-assign]


def no_fence() -> None:
    """A mark is written whoever has the message meanwhile, and whatever became of it."""
    from cocoonmail.emails import ledger
    from cocoonmail.kit.rows import update_rows

    def write(rows: Sequence[Model], fields: Sequence[str], **_: Any) -> int:
        return update_rows(rows, fields)

    vars(ledger)["update_rows"] = write


def synchronous_normal() -> None:
    """SQLite does not wait for the disk when it commits."""
    from django.db import connections

    options = connections.settings["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=NORMAL")


VARIANTS: dict[str, Callable[[], None]] = {
    "answer_before_commit": answer_before_commit,
    "send_again": send_again,
    "mark_after_dot": mark_after_dot,
    "no_fence": no_fence,
    "synchronous_normal": synchronous_normal,
}


def made_bad(run: Callable[..., None]) -> Callable[..., None]:
    """The process `run`, made bad once Django is there."""

    def bad(*how: Any) -> None:
        VARIANTS[os.environ["KNOWN_BAD"]]()
        run(*how)

    return bad


if __name__ == "__main__":
    serving.web, serving.work = made_bad(serving.web), made_bad(serving.work)
    cli.main()
