"""Kills, power cuts and worse on real processes under load; what was acknowledged and sent, against the database."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
from typing import Any

from bench.stage import ROOT

PATIENCE = "1200"  # Seconds until a storm gives up: after hundreds of faults much is left to do
COLUMNS = ("cycles", "acks", "refused", "letters", "lost", "duplicates", "unknown", "released", "seconds")
HEAD = f"{'faults':<16}{'database':<10}" + "".join(f"{name:>11}" for name in COLUMNS)
KINDS = {
    "kills": "kill -9 of web, worker or both",
    "power": "power cuts: what was not synced is lost",
    "db": "ends of PostgreSQL: one process killed, an immediate stop, all killed",
    "clock": "clocks that are wrong by an hour for a moment",
    "full": "disks that fill up: no file may grow",
    "poison": "webhooks that take the worker down, among others of which one in a hundred raises",
}


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    for name, words in KINDS.items():
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N", help=words)
    parser.add_argument("--acks", type=int, default=100, metavar="N", help="at most so many between two faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="the same seed, the same plan")


def run(given: argparse.Namespace) -> int:
    """Everything that is asked for, 10 of each where nothing is; 1 when something was lost or doubled."""
    wanted = {name: vars(given)[name] for name in [*KINDS, "acks", "seed"]}
    if not any(wanted[name] for name in KINDS):
        wanted |= dict.fromkeys(KINDS, 10)
    environment = {
        **os.environ,
        "COCOONMAIL_TEST_DATABASE": "postgres" if given.postgres else "sqlite",
        "COCOONMAIL_TEST_PATIENCE": PATIENCE,
        "DJANGO_SETTINGS_MODULE": "cocoonmail.settings",
    }
    command = [sys.executable, "-m", "tests.faults.night", json.dumps(wanted)]
    rows = []
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as night:
        assert night.stdout
        for line in night.stdout:
            print(line, end="", flush=True)
            rows.append(row(json.loads(line)))
    print("\n".join([HEAD, *rows]), file=sys.stderr)
    return night.returncode


def row(figures: dict[str, Any]) -> str:
    """One storm, for people."""
    name = figures["name"].removeprefix("faults ")
    return f"{name:<16}{figures['database']:<10}" + "".join(f"{figures[column]:>11}" for column in COLUMNS)
