"""What the door answers, and how soon, while a million webhooks wait because nobody processes them (promise R7)."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit

from bench.process import WORKSPACE
from bench.result import CheckFailed, Result, percentile
from bench.stage import free_port, stage, wait_for
from bench.webhooks import Posting

WITHIN = 50.0  # Milliseconds, for 99 of 100
WARM_UP = 2.0  # Seconds


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--waiting", type=int, default=1_000_000, help="webhooks that wait when it begins")
    parser.add_argument("--seconds", type=int, default=20, help="how long webhooks are posted")
    parser.add_argument("--rate", type=int, default=500, help="webhooks a second")


def run(given: argparse.Namespace) -> list[Result]:
    """Pile up, post; any answer but 200 is a failure, and so is a webhook that was answered and is not stored."""
    with stage(given.postgres) as here:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE)
        path = urlsplit(here.command("apply", str(file)).split("Stripe: ")[-1].strip()).path
        here.run("bench.piling", str(given.waiting))
        port = free_port()
        with here.process("cocoonmail", "web", "--port", str(port)):
            wait_for(port)
            warm = Posting(port, path, given.rate, WARM_UP)
            warm.run()
            posting = Posting(port, path, given.rate, given.seconds, first=len(warm.answered))
            posting.run()
        times = [(end - begin) * 1000 for begin, end in zip(posting.posted, posting.answered, strict=True)]
        stored = sum(here.status()["deliveries"].values())
        if stored != (wanted := given.waiting + len(warm.answered) + len(times)):
            raise CheckFailed(f"{wanted} webhooks were answered or waited, and {stored} are stored.")
    return [
        Result(
            name="backlog, p99 in place of p95",
            database=here.database,
            rows_checked=stored,
            processes=1,
            rate=len(times) / given.seconds,
            least=given.rate * 0.99,
            p50=percentile(times, 0.5),
            p95=percentile(times, 0.99),
            p99=percentile(times, 0.99),
            within=WITHIN,
        )
    ]
