"""How late waits of loops end, one by one and a thousand a second, while many more people wait (promise W5)."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

from bench import process
from bench.result import Result
from bench.stage import stage

WORKSPACE = process.WORKSPACE.replace("{wait: 0m}", "{wait: 30d}")
WITHIN = {"idle": 1000.0, "many": 5000.0}  # Milliseconds, for 99 of 100
START_SECONDS = 3  # After which a worker is at work

assert WORKSPACE != process.WORKSPACE


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--runs", type=int, default=20_000, help="how many wait")
    parser.add_argument("--idle", type=int, default=30, help="how many of the waits end one by one, before the others")
    parser.add_argument("--rate", type=int, default=1000, help="ends a second of the others")


def run(given: argparse.Namespace) -> list[Result]:
    """Let them come in and wait; then one worker, which does everything, takes them on."""
    with stage(given.postgres) as here:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE)
        here.command("apply", str(file))
        here.run("bench.waiting", "fill", str(given.runs))
        with here.process("cocoonmail", "work"):
            time.sleep(START_SECONDS)
            told = json.loads(here.run("bench.waiting", "measure", str(given.idle), str(given.rate)))
    checked = {"idle": given.idle, "many": given.runs - given.idle}
    return list(results_of(told, here.database, checked))


def results_of(told: dict[str, Any], database: str, checked: dict[str, int]) -> Iterator[Result]:
    """Of each kind of end: until the next step was taken, which has a goal; until its message had left, which has not.

    The goal is one for p99, which stands in the place of p95.
    """
    for kind, within in WITHIN.items():
        kept: dict[str, Any] = {"database": database, "processes": 1, "rows_checked": checked[kind]}
        taken = told[kind]["taken"]
        yield Result(name=f"waits, {kind}, p99 as p95", **{**taken, "p95": taken["p99"]}, within=within, **kept)
        yield Result(name=f"waits, {kind}, sent", **told[kind]["sent"], **kept)
