"""Webhooks verified and on disk per second, against the same server that answers without doing either."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from itertools import count
from statistics import median
from urllib.parse import urlsplit

from bench.result import CheckFailed, Result
from bench.stage import Stage, cpu_seconds, free_port, peak_memory, stage, wait_for
from bench.wrk import Load, http_post, post
from cocoonmail.platforms.stripe.verify import sign

CONNECTIONS = 64
SECRET = "whsec_bench"  # noqa: S105 - of a throw-away installation
WORKSPACE = f"""
workspace: Bench
endpoints:
  - {{name: Stripe, platform: stripe, secrets: [{SECRET}], events: {{customer.created: newStripeCustomer}}}}
"""
GOAL = {"sqlite": 0.35, "postgres": 0.25}
PER_SECOND = 30_000  # Requests prepared for each second: more than are answered

_numbers = count(1)


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--seconds", type=int, default=5, help="how long each round lasts")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, in turn")


def run(given: argparse.Namespace) -> list[Result]:
    """Ours and the limit in turn; the medians."""
    with stage(given.postgres) as here:
        address = here.command("apply", _file(here)).split("Stripe: ")[-1].strip()
        path = urlsplit(address).path
        ours, limits = [], []
        port, empty_port = free_port(), free_port()
        with (
            here.process("cocoonmail", "web", "--port", str(port)) as web,
            here.process("bench.empty", str(empty_port)),
        ):
            wait_for(port)
            wait_for(empty_port)
            for _ in range(given.rounds):
                ours.append(_round(here, port, path, given.seconds))
                limits.append(_round(here, empty_port, path, given.seconds))
            memory, cpu = peak_memory(web), cpu_seconds(web.pid)
            stored = _check(here, sum(load.requests for load in ours), given.rounds)
    return [
        Result(
            name="intake",
            database=here.database,
            rate=median(load.rate for load in ours),
            limit=median(load.rate for load in limits),
            goal=GOAL[here.database],
            rows_checked=stored,
            processes=1,
            p50=median(load.p50 for load in ours),
            p95=median(load.p95 for load in ours),
            p99=median(load.p99 for load in ours),
            peak_memory=memory,
            cpu=round(cpu / sum(load.requests for load in ours) * 1e6),
        )
    ]


def _file(here: Stage) -> str:
    file = here.data / "workspace.yaml"
    file.write_text(WORKSPACE)
    return str(file)


def _round(here: Stage, port: int, path: str, seconds: int) -> Load:
    requests = _requests(path, seconds * PER_SECOND)
    return post(port, requests, here.data, connections=CONNECTIONS, seconds=seconds)


def _requests(path: str, number: int) -> Iterator[bytes]:
    """Signed customer.created bodies of 1.3 kB with ids of their own."""
    now = int(time.time())
    for _ in range(number):
        body = _body(next(_numbers), now)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(body, SECRET.encode(), now),
        }
        yield http_post(path, headers, body)


def _check(here: Stage, answered: int, rounds: int) -> int:
    """Every answer must be a stored webhook; each round may end with one more on each connection, unanswered."""
    stored = sum(here.status()["deliveries"].values())
    if not answered <= stored <= answered + rounds * CONNECTIONS:
        raise CheckFailed(f"{answered} webhooks were answered 200 and {stored} are stored.")
    return int(stored)


CUSTOMER = {
    "object": "customer",
    "address": {
        "city": "Oslo",
        "country": "NO",
        "line1": "1 Main St",
        "line2": None,
        "postal_code": "0150",
        "state": None,
    },
    "balance": 0,
    "created": 1_790_000_000,
    "currency": None,
    "default_source": None,
    "delinquent": False,
    "description": None,
    "discount": None,
    "invoice_prefix": "AB12CD34",
    "invoice_settings": {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    },
    "livemode": False,
    "metadata": {},
    "next_invoice_sequence": 1,
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
    "test_clock": None,
}


def _body(number: int, now: int) -> bytes:
    customer = {"id": f"cus_{number:014}", **CUSTOMER, "email": f"ada{number}@example.com", "name": f"Ada {number}"}
    event = {
        "id": f"evt_{number:024}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now,
        "data": {"object": customer},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_1234567890abcd", "idempotency_key": "8c7a3a6e-5e0c-4c8e-9c52-1f1c8d1b1a7e"},
        "type": "customer.created",
    }
    return json.dumps(event, indent=2).encode()
