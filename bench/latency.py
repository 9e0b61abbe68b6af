"""From the webhook's answer to the mail server's, at a hundred webhooks a second, with everything running."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bench.process import WORKSPACE
from bench.result import CheckFailed, Result, percentile
from bench.stage import free_port, stage, wait_for
from bench.webhooks import Posting, address
from tests.sink import Taken, sink

GOALS = {50: 100.0, 95: 250.0, 99: 500.0}  # Milliseconds, by percentile
PATIENCE = 60.0  # Seconds after which a letter that has not come is lost
WARM_UP = 200  # Webhooks before those that are counted: once they are letters, every process is at work


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--seconds", type=int, default=60, help="how long webhooks are posted")
    parser.add_argument("--rate", type=int, default=100, help="webhooks a second")


def run(given: argparse.Namespace) -> list[Result]:
    """Post, wait for the last letter, compare who paid with who got mail."""
    with stage(given.postgres) as here, sink() as far, contextlib.ExitStack() as running:
        file = here.data / "workspace.yaml"
        file.write_text(f'{WORKSPACE}transport: "{far.url}"\n')
        path = urlsplit(here.command("apply", str(file)).split("Stripe: ")[-1].strip()).path
        port = free_port()
        running.enter_context(here.process("cocoonmail", "web", "--port", str(port)))
        running.enter_context(here.process("cocoonmail", "work"))
        wait_for(port)
        answered: list[float] = []
        for seconds in (WARM_UP / given.rate, given.seconds):
            begun = len(answered)
            posting = Posting(port, path, given.rate, seconds, first=begun)
            posting.run()
            answered += posting.answered
            wait_for_letters(far.taken, len(answered))
        times = waits(answered, far.taken)[begun:]
    return [
        Result(
            name="latency" if share == 95 else f"latency, p{share} in place of p95",
            database=here.database,
            rows_checked=len(answered),
            processes=2,
            p50=percentile(times, 0.5),
            p95=percentile(times, share / 100),
            p99=percentile(times, 0.99),
            within=within,
        )
        for share, within in GOALS.items()
    ]


def wait_for_letters(taken: Sequence[Taken], number: int) -> None:
    """Return once so many letters have come, or when it is too late for them."""
    end = time.monotonic() + PATIENCE
    while len(taken) < number and time.monotonic() < end:
        time.sleep(0.05)


def waits(answered: Sequence[float], taken: Sequence[Taken]) -> list[float]:
    """Milliseconds from each answer to its letter, in the order of the webhooks; a letter that came first took none.

    Raises CheckFailed unless every webhook's person got one letter, and nobody else did.
    """
    letters: dict[str, Taken] = {letter.recipient: letter for letter in taken}
    people = [address(number) for number in range(len(answered))]
    _compare(people, letters, len(taken))
    pairs = zip(answered, people, strict=True)
    return [max(0.0, letters[person].at - at) * 1000 for at, person in pairs]


def _compare(people: Sequence[str], letters: Mapping[str, Taken], number: int) -> None:
    lost = [person for person in people if person not in letters]
    strange = letters.keys() - set(people)
    if lost or strange or number != len(letters):
        twice = number - len(letters)
        raise CheckFailed(f"{len(people)} webhooks: {len(lost)} letters lost, {twice} doubled, {len(strange)} strange.")
