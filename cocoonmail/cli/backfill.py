"""`backfill`: fetch what a platform tried to tell us while we were away for longer than it tries."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail

if TYPE_CHECKING:
    from cocoonmail.intake.models import Backfill

KEY = "STRIPE_API_KEY"  # As Stripe's own command line calls it
LOOK_EVERY = 0.5  # Seconds, while a worker does it or it waits


@app.command()
def backfill(
    data: Data = None,
    days: Annotated[int, typer.Option(help="How far back; Stripe keeps 30 days.")] = 30,
    endpoint: Annotated[str, typer.Option(help="The endpoint's name, where there are several.")] = "",
    loops: Annotated[bool, typer.Option(help="Start loops, or only update contacts and record events.")] = True,
) -> None:
    """Fetch the events of the last days from Stripe and take in what is not here yet, each one once.

    The API key (restricted, it may read Events) comes from $STRIPE_API_KEY, the standard input, or a prompt.
    """
    enter(data)
    from cocoonmail.cli.endpoints import NotOne, endpoint_of
    from cocoonmail.intake.backfill import CannotBackfill, begin
    from cocoonmail.intake.models import BackfillState
    from cocoonmail.platforms import PLATFORMS

    try:
        meant = endpoint_of([one for one in PLATFORMS.values() if one.history], endpoint)
        made = begin(meant, _key(), days, starts_loops=loops)
    except (NotOne, CannotBackfill) as error:
        raise fail(str(error)) from error
    for line in _watched(made):
        typer.echo(line)
    if made.state != BackfillState.FINISHED:
        raise fail(f"{made.get_state_display()}: {made.trouble or 'what it had fetched stays'}")


def _key() -> str:
    """Never from the command line, which other people of the machine can read."""
    if key := os.environ.get(KEY, ""):
        return key.strip()
    return (typer.prompt("API key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()).strip()


def _watched(made: Backfill) -> Iterator[str]:
    """Do it, beside whatever workers there are, and tell how far it has got. Ctrl-C leaves the rest to them."""
    from cocoonmail import worker
    from cocoonmail.intake.backfill import due_backfills
    from cocoonmail.intake.models import BackfillState

    only_this = replace(worker.BACKFILL, due=lambda: due_backfills().filter(pk=made.pk))
    told = ""
    while made.state == BackfillState.WORKING:
        if not worker.step(only_this, limit=1):
            time.sleep(LOOK_EVERY)
        made.refresh_from_db()
        if (line := _line(made)) != told:
            told = line
            yield line


def _line(made: Backfill) -> str:
    reached = f", back to {made.reached:%Y-%m-%d %H:%M} UTC" if made.reached else ""
    trouble = f" ({made.trouble})" if made.trouble else ""
    words = f"{made.fetched:,} events read{reached}: {made.added:,} new, {made.known:,} here already"
    return f"{words}, {made.passed_over:,} not wanted here{trouble}"
