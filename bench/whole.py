"""Every measurement on both databases, each long enough to say something, in less than a quarter of an hour."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from bench import backlog, growth, intake, journey, latency, process, send, start, swell, waits, workers
from bench.result import Result

BENCHES = (intake, backlog, process, send, journey, latency, growth, workers, waits, swell, start)


class Turn(NamedTuple):
    """A measurement with what its command line would say."""

    bench: ModuleType
    words: str = ""
    databases: tuple[bool, ...] = (False, True)  # Whether on PostgreSQL


TURNS = [
    Turn(intake, "--seconds 3"),
    Turn(backlog, "--seconds 10"),
    Turn(process, "--webhooks 16000"),
    Turn(send, "--messages 6000 --rounds 1"),
    Turn(journey, "--seconds 20"),
    Turn(latency, "--seconds 20"),
    Turn(growth, "--contacts 10000 100000 1000000 --webhooks 4000 --messages 2000 --looks 10", (False,)),
    Turn(growth, "--contacts 10000 100000 --webhooks 4000 --messages 2000 --looks 10", (True,)),
    Turn(workers, "--webhooks 8000", (True,)),
    Turn(waits, "--runs 5000 --idle 8"),
    Turn(swell, "--webhooks 100 --days 12 --snapshot 8"),
    Turn(start, "--rounds 3"),
]
SHORT = {
    intake: "--seconds 1 --rounds 1",
    backlog: "--waiting 5000 --seconds 2",
    process: "--webhooks 2000",
    send: "--messages 1000 --rounds 1 --workers 1",
    journey: "--seconds 3 --rate 300",
    latency: "--seconds 3",
    growth: "--contacts 500 2000 --webhooks 500 --messages 500 --looks 2",
    workers: "--webhooks 1000",
    waits: "--runs 500 --idle 3",
    swell: "--webhooks 20 --days 6 --snapshot 3",
    start: "--rounds 1",
}


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--short", action="store_true", help="sizes that show that it works, and no more")


def run(given: argparse.Namespace) -> Iterator[list[Result]]:
    """The results of one measurement after the other. `--postgres` leaves SQLite out."""
    for turn in TURNS:
        words = SHORT.get(turn.bench, turn.words) if given.short else turn.words
        for postgres in turn.databases:
            if postgres or not given.postgres:
                begin = time.monotonic()
                yield measured(turn.bench, words, postgres=postgres)
                took = time.monotonic() - begin
                print(f"{turn.bench.__name__} took {took:.0f} s", file=sys.stderr, flush=True)


def measured(bench: ModuleType, words: str, *, postgres: bool) -> list[Result]:
    """What a measurement says with these words on its command line."""
    parser = argparse.ArgumentParser()
    bench.options(parser)
    given = parser.parse_args(words.split())
    given.postgres = postgres
    results: list[Result] = bench.run(given)
    return results
