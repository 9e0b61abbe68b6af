"""Whether the work gets done: migrations, workers, what waits, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cocoonmail.intake.models import Endpoint
from cocoonmail.kit.clock import database_now
from cocoonmail.watch import ready
from cocoonmail.watch.backlog import Backlog, Queue, backlog
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning

OLD, TOO_OLD = 60.0, 300.0  # Seconds that the first row of a queue has been due
NAMES = {"process": "webhooks", "advance": "runs", "send": "messages"}


def migrations() -> Iterator[Finding]:
    """Whether the database is of this version."""
    missing = ready.unapplied()
    if missing:
        yield problem(
            "database",
            f"The database is not of this version: {len(missing)} migrations are missing, the first is {missing[0]}.",
            "Run bin/cocoonmail migrate.",
        )
    else:
        yield ok("database", "The database answers and is of this version.")


def work() -> Iterator[Finding]:
    """Workers, queues and what stands still."""
    waits = backlog(database_now())
    yield from workers(waits)
    for stage, queue in waits.queues.items():
        yield from queued(stage, queue)
    yield from standing(waits.standing, waits.failed, waits.parked)


def workers(waits: Backlog) -> Iterator[Finding]:
    """Whether any is alive, and may send."""
    if waits.workers:
        yield ok("workers", f"{waits.workers} {'worker is' if waits.workers == 1 else 'workers are'} alive.")
    else:
        words = "No worker is alive: webhooks are taken in, but nothing comes of them and no mail is sent."
        yield problem("workers", words, "Start one: bin/up, or bin/cocoonmail work.")
    if waits.paused:
        remedy = "Look at what would be sent on Home, then bin/cocoonmail resume-sending."
        yield warning("workers", f"Sending is paused: {waits.paused}.", remedy)


def queued(stage: str, queue: Queue) -> Iterator[Finding]:
    """One stage's backlog."""
    if queue.age < OLD:
        yield ok("backlog", f"{stage}: {queue.rows:,} {NAMES[stage]} are due.")
        return
    words = f"{stage}: {queue.rows:,} {NAMES[stage]} are due, the first for {queue.age / 60:,.0f} minutes."
    remedy = "See the worker's log; if it is only slow, run more workers (PostgreSQL) or raise the transport's limits."
    yield problem("backlog", words, remedy) if queue.age >= TOO_OLD else warning("backlog", words, remedy)


def standing(messages: Mapping[str, int], failed: int, parked: int) -> Iterator[Finding]:
    """What waits for a person, by the messages' status, and webhooks that failed or wait for their customer."""
    if unknown := messages.get("unknown", 0):
        words = f"{unknown:,} messages may or may not have been sent."
        yield warning("messages", words, "Decide about them on the Messages page: they arrived, or send them again.")
    if held := messages.get("held", 0):
        yield warning("messages", f"{held:,} messages are held.", "The Messages page says why; send or leave them.")
    if refused := messages.get("failed", 0):
        yield warning("messages", f"{refused:,} messages could not be sent.", "The Messages page says why.")
    if failed:
        words = f"{failed:,} webhooks could not be processed."
        yield warning("deliveries", words, "Integrations, Deliveries says why; process them again from there.")
    yield ok("deliveries", f"{parked:,} webhooks wait for their customer, for 7 days at most.")


def endpoints() -> Iterator[Finding]:
    """Endpoints that refuse everything, because they have no signing secret."""
    for endpoint in Endpoint.objects.filter(secrets=None, enabled=True).order_by("pk"):
        words = f"Endpoint “{endpoint}” has no signing secret, and refuses all that comes."
        yield warning("endpoints", words, "Add the secret in Integrations.")
