"""Processing by 1, 2 and 4 worker processes on one PostgreSQL, against one of them."""

from __future__ import annotations

import argparse
import json

from bench.process import WORKSPACE
from bench.result import Result
from bench.stage import stage

GOALS = {2: 1.5}  # By the number of worker processes, on two cores


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--webhooks", type=int, default=20_000, help="how many in each round")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="worker processes, a result for each")


def run(given: argparse.Namespace) -> list[Result]:
    """One installation; each number of workers processes as many webhooks of new customers. Always on PostgreSQL."""
    results: list[Result] = []
    with stage(postgres=True) as here:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE)
        here.command("apply", str(file))
        for workers in given.workers:
            told = json.loads(here.run("bench.crew", str(workers), str(given.webhooks)))
            results.append(
                Result(
                    name="workers",
                    database=here.database,
                    goal=GOALS.get(workers),
                    processes=workers,
                    limit=results[0].rate if results else told["rate"],
                    rows_checked=given.webhooks,
                    **told,
                )
            )
    return results
