"""Webhooks in, emails out, everything running: how many a second arrive for a minute without a growing backlog."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from urllib.parse import urlsplit

from bench import intake
from bench.process import WORKSPACE
from bench.result import Result
from bench.send import needed, sink
from bench.stage import free_port, peak_memory, stage, wait_for
from bench.webhooks import Posting

LEAST = 2000.0  # Webhooks a second that become emails at the sink
START_SECONDS = 3  # After which a worker is at work
CREWS: dict[int, list[list[str]]] = {
    1: [[]],
    2: [["--stage", "process", "--stage", "advance"], ["--stage", "send"]],
}  # What each worker does
PATIENCE = 300  # Seconds after which what has not been sent has failed


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--seconds", type=int, default=60, help="how long webhooks are posted")
    parser.add_argument("--workers", type=int, choices=[1, 2], default=1, help="two: one processes, the other sends")
    parser.add_argument("--rate", type=int, default=2100, help="webhooks a second that are posted, if they are taken")


def run(given: argparse.Namespace) -> list[Result]:
    """Intake alone first, which is the limit; then the whole way.

    The rate is that of the last letter: a backlog that had grown meanwhile makes it smaller than what was posted.
    """
    (alone,) = intake.run(argparse.Namespace(postgres=given.postgres, seconds=3, rounds=1))
    needed("smtp-sink")
    with stage(given.postgres) as here, sink() as far, contextlib.ExitStack() as running:
        file = here.data / "workspace.yaml"
        file.write_text(f'{WORKSPACE}transport: "smtp://127.0.0.1:{far.port}?connections=100&per_connection=10000"\n')
        path = urlsplit(here.command("apply", str(file)).split("Stripe: ")[-1].strip()).path
        port = free_port()
        web = running.enter_context(here.process("cocoonmail", "web", "--port", str(port)))
        work = [running.enter_context(here.process("cocoonmail", "work", *how)) for how in CREWS[given.workers]]
        wait_for(port)
        time.sleep(START_SECONDS)
        posting = Posting(port, path, given.rate, given.seconds)
        posting.run()
        told = json.loads(here.run("bench.journeying", str(len(posting.answered)), str(PATIENCE)))
        memory = sum(peak_memory(process) or 0 for process in (web, *work))
        seen = far.check(told["ids"])
    return [
        Result(
            name="journey",
            database=here.database,
            rate=told["rate"],
            least=LEAST,
            limit=alone.rate,
            rows_checked=seen,
            processes=1 + given.workers,
            p50=told["p50"],
            p95=told["p95"],
            p99=told["p99"],
            peak_memory=memory,
        )
    ]
