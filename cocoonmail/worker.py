"""Give every due row to its stage. The only catch-all in the house: what a stage raises lands on the one bad row."""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from cocoonmail import counts, pipeline
from cocoonmail.intake import backfill, outcome
from cocoonmail.intake.models import Backfill, Delivery
from cocoonmail.kit.claims import LEASE, Claimable, LeaseLost, claim, due_workspaces, settle
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.expendable import Job, casualties
from cocoonmail.loops.models import Run, RunState

log = logging.getLogger(__name__)

BATCH_MAX = 500  # Rows per claim
SLOWEST_ROW = timedelta(milliseconds=50)  # Nothing that a row does takes longer
REHEARSAL_SECONDS = 1.0  # That it may take in a child process to compute what a row begins with
ATTEMPTS_MAX = 8  # Then a row is given up, visibly (promise R10)
VANISHED = "its worker vanished each time it had this in hand: its log may say why"
RETRY_FIRST = timedelta(seconds=2)  # Doubled with every further attempt

assert BATCH_MAX * SLOWEST_ROW < LEASE  # The last row must be reached before the lease ends.

Row = TypeVar("Row", bound=Claimable)


@dataclass(frozen=True, slots=True)
class Stage(Generic[Row]):
    """One arrow of the pipeline: what it may claim, what it does with a batch, and how a row is given up.

    `rehearsals` are jobs for a child process that compute what work on each row begins with (kit.expendable).
    """

    name: str
    model: type[Row]
    due: Callable[[], QuerySet[Row]]
    work: Callable[[Sequence[Row], datetime], None]
    give_up: Callable[[Row, str, datetime], Sequence[str]]
    rehearsals: Callable[[Sequence[Row]], Sequence[Job]] = lambda rows: ()


class TookDown(RuntimeError):
    """A row ended the process that had it in hand, or seems to have."""


def give_up_delivery(delivery: Delivery, trouble: str, now: datetime) -> Sequence[str]:
    """A dead letter: shown, kept, and replayable."""
    outcome.failed(delivery, trouble, now)
    return outcome.FIELDS


def give_up_run(run: Run, trouble: str, now: datetime) -> Sequence[str]:
    """The run stays where it is, marked as failed."""
    run.state, run.reason, run.due_at, run.finished_at = RunState.FAILED, trouble[-500:], None, now
    return ["state", "reason", "due_at", "finished_at"]


def give_up_backfill(row: Backfill, trouble: str, now: datetime) -> Sequence[str]:
    """It has failed; what it fetched stays."""
    backfill.fail(row, f"something went wrong here: {trouble.strip().splitlines()[-1]}", now)
    return backfill.FIELDS


PROCESS = Stage("process", Delivery, pipeline.due_deliveries, pipeline.process, give_up_delivery, pipeline.readings)
ADVANCE = Stage("advance", Run, pipeline.due_runs, pipeline.advance, give_up_run)
# Beside the pipeline: it waits for the network, a page at a time.
BACKFILL = Stage("backfill", Backfill, backfill.due_backfills, backfill.fetch, give_up_backfill)


def step(stage: Stage[Any], limit: int = BATCH_MAX, now: datetime | None = None) -> int:
    """Claim what is due and work it off. Returns the number of rows claimed, 0 when nothing is due.

    `now` is the database's time where it is not handed in.
    """
    began = counts.TURNED[stage.name] = monotonic()
    now = now or database_now()
    # A cheap look before a claim, whose transaction would on SQLite keep other writers waiting for nothing.
    workspaces = due_workspaces(stage.model, now)
    rows = claim(stage.due(), now, dict.fromkeys(workspaces, limit), limit, beginning=["attempts"])
    fresh, suspects = [row for row in rows if not row.attempts], [row for row in rows if row.attempts]
    for row in fresh:
        row.attempts = 1
    work_off(stage, fresh, now)
    _one_by_one(stage, suspects, now)
    if rows:
        counts.BATCH.note(len(rows), stage.name)
        counts.BATCH_SECONDS.note(monotonic() - began, stage.name)
    return len(rows)


def _one_by_one(stage: Stage[Row], suspects: Sequence[Row], now: datetime) -> None:
    """Rows that were claimed before and not settled: one of them may have taken its worker down.

    What can be computed beforehand is so in a child, whose death is its row's. Then each goes alone, and is counted
    just before, so that another death is its own and not that of those who wait behind it. In any order: where workers
    die for another reason, soon after they begin, it is not always the same row that was in hand.
    """
    ended = _rehearse(stage, suspects) if suspects else {}
    for at, row in random.sample(list(enumerate(suspects)), len(suspects)):
        row.attempts += 1
        try:
            settle([row], ["attempts"])
        except LeaseLost:
            _lost(stage, [row])
            continue
        if at in ended:
            _trouble(stage, row, TookDown(f"reading it ended its process ({ended[at]})"), now)
        elif row.attempts > ATTEMPTS_MAX:
            _trouble(stage, row, TookDown(VANISHED), now)
        else:
            work_off(stage, [row], now)


def _rehearse(stage: Stage[Row], suspects: Sequence[Row]) -> dict[int, str]:
    """Which of them end a child process, by their index, and how. Where no child can be made, nothing is known."""
    try:
        return casualties(stage.rehearsals(suspects), REHEARSAL_SECONDS)
    except OSError as error:
        log.warning("%s: %d rows could not be tried in a child process: %s", stage.name, len(suspects), error)
        return {}


def _lost(stage: Stage[Row], rows: Sequence[Row]) -> None:
    counts.LEASES_LOST.add(stage.name, len(rows))
    log.warning("%s: another worker took over %d rows, nothing was written", stage.name, len(rows))


def work_off(stage: Stage[Row], rows: Sequence[Row], now: datetime) -> None:
    """Work a batch off; one that raises is halved until the bad row is alone, and the others go through."""
    if not rows:
        return
    try:
        stage.work(rows, now)
    except LeaseLost:
        _lost(stage, rows)
    except Exception as error:
        if isinstance(error, OperationalError | InterfaceError) and not _is_alive():
            raise
        if len(rows) > 1:
            rows = _as_stored(rows)
            half = len(rows) // 2
            work_off(stage, rows[:half], now)
            work_off(stage, rows[half:], now)
        else:
            _trouble(stage, rows[0], error, now)


def _as_stored(rows: Sequence[Row]) -> list[Row]:
    """The rows without what the failed attempt changed in memory; only those that are still ours."""
    stored = type(rows[0])._default_manager.in_bulk([row.pk for row in rows])
    return [stored[row.pk] for row in rows if row.pk in stored and stored[row.pk].epoch == row.epoch]


def _trouble(stage: Stage[Row], row: Row, error: Exception, now: datetime) -> None:
    """Write the trouble on the row: it is tried again later, or given up after the last attempt."""
    counts.ROWS_FAILED.add(stage.name)
    log.warning("%s: row %s failed at attempt %d: %r", stage.name, row.pk, row.attempts, error)
    for fresh in _as_stored([row]):
        _write_trouble(stage, fresh, error, now)


def _write_trouble(stage: Stage[Row], row: Row, error: Exception, now: datetime) -> None:
    if row.attempts >= ATTEMPTS_MAX:
        fields = list(stage.give_up(row, "".join(traceback.format_exception(error))[-8000:], now))
    else:
        row.due_at = now + RETRY_FIRST * 2 ** (row.attempts - 1)
        fields = ["due_at"]
    settle([row], fields)
    if row.attempts >= ATTEMPTS_MAX:
        counts.ROWS_GIVEN_UP.add(stage.name)


def _is_alive() -> bool:
    """Whether the database answers: where it does not, no row is to blame."""
    try:
        database_now()
    except (OperationalError, InterfaceError):
        return False
    return True
