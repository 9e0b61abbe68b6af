"""Give every due row to its stage. The only catch-all in the house: what a stage raises lands on the one bad row."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from cocoonmail import pipeline
from cocoonmail.intake import outcome
from cocoonmail.intake.models import Delivery
from cocoonmail.kit.claims import LEASE, Claimable, LeaseLost, anything_due, claim, settle
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Run, RunState

log = logging.getLogger(__name__)

BATCH_MAX = 500  # Rows per claim
SLOWEST_ROW = timedelta(milliseconds=50)  # Nothing that a row does takes longer
ATTEMPTS_MAX = 8  # Then a row is given up, visibly (promise R10)
RETRY_FIRST = timedelta(seconds=2)  # Doubled with every further attempt

assert BATCH_MAX * SLOWEST_ROW < LEASE  # The last row must be reached before the lease ends.

Row = TypeVar("Row", bound=Claimable)


@dataclass(frozen=True, slots=True)
class Stage(Generic[Row]):
    """One arrow of the pipeline: what it may claim, what it does with a batch, and how a row is given up."""

    name: str
    model: type[Row]
    due: Callable[[], QuerySet[Row]]
    work: Callable[[Sequence[Row], datetime], None]
    give_up: Callable[[Row, str, datetime], Sequence[str]]


def give_up_delivery(delivery: Delivery, trouble: str, now: datetime) -> Sequence[str]:
    """A dead letter: shown, kept, and replayable."""
    outcome.failed(delivery, trouble, now)
    return outcome.FIELDS


def give_up_run(run: Run, trouble: str, now: datetime) -> Sequence[str]:
    """The run stays where it is, marked as failed."""
    run.state, run.reason, run.due_at, run.finished_at = RunState.FAILED, trouble[-500:], None, now
    return ["state", "reason", "due_at", "finished_at"]


PROCESS = Stage("process", Delivery, pipeline.due_deliveries, pipeline.process, give_up_delivery)
ADVANCE = Stage("advance", Run, pipeline.due_runs, pipeline.advance, give_up_run)


def step(stage: Stage[Any], limit: int = BATCH_MAX, now: datetime | None = None) -> int:
    """Claim what is due and work it off. Returns the number of rows claimed, 0 when nothing is due.

    `now` is the database's time where it is not handed in.
    """
    now = now or database_now()
    if not anything_due(stage.model, now):
        return 0
    rows = claim(stage.due(), now, limit)
    # A row that was claimed before and not settled may have taken its worker down: it goes alone.
    work_off(stage, [row for row in rows if row.attempts == 1], now)
    for row in rows:
        if row.attempts > 1:
            work_off(stage, [row], now)
    return len(rows)


def work_off(stage: Stage[Row], rows: Sequence[Row], now: datetime) -> None:
    """Work a batch off; one that raises is halved until the bad row is alone, and the others go through."""
    if not rows:
        return
    try:
        stage.work(rows, now)
    except LeaseLost:
        log.warning("%s: another worker took over %d rows, nothing was written", stage.name, len(rows))
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


def _is_alive() -> bool:
    """Whether the database answers: where it does not, no row is to blame."""
    try:
        database_now()
    except (OperationalError, InterfaceError):
        return False
    return True
