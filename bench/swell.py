"""Many simulated days with a short retention: does the database stay as large, and the work as quick (promise W9)?"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import process
from bench.result import Result
from bench.stage import peak_memory, stage

WORKSPACE = process.WORKSPACE + "keep: {webhooks: 1, history: 35, messages: 35}\n"
STEADY, BESIDE = 0.9, 0.5  # Of the rate before: after many days, and beside an open snapshot
WITHIN = 60_000.0  # Milliseconds after the snapshot's end until the rate is as before
GROWN = 1.3  # Times the size when the time of retention was full
# PostgreSQL looks 1,440 times a day for what to clean up. A day of ours takes seconds, and has a look in each of them.
LOOKS = {"autovacuum_naptime": "1s"}
START_SECONDS = 3  # After which a worker is at work


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--webhooks", type=int, default=2_000, help="how many come on each simulated day")
    parser.add_argument("--days", type=int, default=36, help="how many after the first 36, which fill what is kept")
    parser.add_argument("--snapshot", type=int, default=30, help="days in which a snapshot stays open, on PostgreSQL")


def run(given: argparse.Namespace) -> list[Result]:
    """One installation with one worker, which does everything; the days and their checks are beside it."""
    with stage(given.postgres, **LOOKS) as here:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE)
        here.command("apply", str(file))
        with here.process("cocoonmail", "work") as worker:
            time.sleep(START_SECONDS)
            snapshot = given.snapshot if given.postgres else 0
            words = map(str, (given.webhooks, given.days, snapshot, worker.pid))
            told = json.loads(here.run("bench.swelling", *words))
            memory = peak_memory(worker)
    tell(told["days"])
    return results_of(told, {"database": here.database, "processes": 1, "rows_checked": told["rows_checked"]}, memory)


def results_of(told: dict[str, Any], kept: dict[str, Any], memory: float | None) -> list[Result]:
    """Rates against those before, and the size in the place of the memory."""
    rates = {"rate": told["rate"], "limit": told["limit"], "goal": STEADY}
    size = {"peak_memory": told["size"], "memory_goal": GROWN * told["full"]}
    results = [
        Result(name="swell, last days against first", cpu=told["cpu"], peak_memory=memory, **rates, **kept),
        Result(name="swell, size of the database", **size, **kept),
    ]
    if "during" in told:
        late = float("inf") if told["recovered"] is None else told["recovered"] * 1000
        results += [
            Result(name="swell, snapshot open", rate=told["during"], limit=told["before"], goal=BESIDE, **kept),
            Result(name="swell, until as before", p50=late, p95=late, p99=late, within=WITHIN, **kept),
        ]
    return results


def tell(days: Sequence[dict[str, Any]]) -> None:
    """Every day, for people."""
    print(f"{'day':>4}{'per s':>8}{'MB used':>10}{'MB':>8}{'walk ms':>9}{'cpu µs':>8}", file=sys.stderr)
    for day in days:
        figures = f"{day['number']:>4}{day['rate']:>8.0f}{day['used']:>10.1f}{day['size']:>8.1f}"
        figures += f"{day['walk'] * 1000:>9.0f}{day['cpu']:>8.0f}"
        print(f"{figures}{'  snapshot open' if day['snapshot'] else ''}", file=sys.stderr)
