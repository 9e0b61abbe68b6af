"""Stored webhooks turned into contact, event, run and message per second, against the same rows written bare."""

from __future__ import annotations

import argparse
import json

from bench.result import Result
from bench.stage import stage

WORKSPACE = """
workspace: Bench
sender: {name: Bench, email: hello@bench.test}
address: "1 Main St, Oslo"
endpoints:
  - {name: Stripe, platform: stripe, secrets: [whsec_bench], events: {invoice.paid: successfulPayment}}
loops:
  - {name: Paid, trigger: {event: successfulPayment}, state: live,
     steps: [{wait: 0m}, {email: {template: stripe-payment-successful}}]}
"""
GOAL = 0.5


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--webhooks", type=int, default=50_000, help="how many, half of them in each of two rounds")


def run(given: argparse.Namespace) -> list[Result]:
    """Ours and the limit in turn, in one process that works on a fresh database."""
    with stage(given.postgres) as here:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE)
        here.command("apply", str(file))
        told = json.loads(here.run("bench.processing", str(given.webhooks)))
        return [Result(name="process", database=here.database, goal=GOAL, processes=1, **told)]
