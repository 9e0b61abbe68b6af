"""Processing, sending and the pages among ever more contacts with ten events each, against themselves among few."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from bench.process import WORKSPACE
from bench.result import Result
from bench.send import needed, sink
from bench.stage import Stage, free_port, stage, wait_for

GOAL = 0.8
START_SECONDS = 3  # After which a worker is at work
PATIENCE = 300  # Seconds after which messages that are not sent have failed


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--contacts", type=int, nargs="+", default=sizes, help="how many contacts, ever more of them")
    parser.add_argument("--webhooks", type=int, default=5_000, help="how many are processed at each size")
    parser.add_argument("--messages", type=int, default=5_000, help="how many are sent at each size")
    parser.add_argument("--looks", type=int, default=30, help="how often each page is looked at")


def run(given: argparse.Namespace) -> list[Result]:
    """All of it at each size, in one installation that grows."""
    needed("smtp-sink")
    results: list[Result] = []
    with stage(given.postgres) as here, sink() as far:
        file = here.data / "workspace.yaml"
        file.write_text(f'{WORKSPACE}transport: "smtp://127.0.0.1:{far.port}?connections=100&per_connection=10000"\n')
        here.command("apply", str(file))
        port, first = free_port(), None
        with here.process("cocoonmail", "web", "--port", str(port)):
            wait_for(port)
            for size in given.contacts:
                words = map(str, (size, port, given.webhooks, given.looks))
                told = json.loads(here.run("bench.growing", *words))
                with here.process("cocoonmail", "work") as worker:
                    time.sleep(START_SECONDS)
                    words = map(str, (-size, given.messages, PATIENCE, worker.pid))  # Others than are processed
                    sent = json.loads(here.run("bench.sending", *words))
                far.check(sent["ids"])
                told |= {"send": sent["rate"], "contacts": size, "webhooks": given.webhooks, "messages": given.messages}
                first = first or told
                results += results_of(here, told, first)
    return results


def results_of(here: Stage, told: dict[str, Any], first: dict[str, Any]) -> list[Result]:
    """What one size came to: two rates beside those of the first size, and the pages' times."""
    kept: dict[str, Any] = {"database": here.database, "processes": 1}
    size = f"{told['contacts']:,}"
    rates = [
        Result(
            name=f"growth {what} {size}", rate=told[what], limit=first[what], goal=GOAL, rows_checked=told[rows], **kept
        )
        for what, rows in (("process", "webhooks"), ("send", "messages"))
    ]
    pages = [Result(**{**page, "name": f"{page['name']} {size}", **kept}) for page in told["pages"]]
    return rates + pages
