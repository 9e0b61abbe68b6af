"""The inside of `bench process`: runs in an installation's environment and prints its figures as one JSON object."""

from __future__ import annotations

import copy
import json
import resource
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 - needs the settings

from bench.result import CheckFailed  # noqa: E402
from cocoonmail import worker  # noqa: E402
from cocoonmail.contacts.models import Contact, Event, EventName  # noqa: E402
from cocoonmail.emails.models import Message, Status  # noqa: E402
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint  # noqa: E402
from cocoonmail.intake.receive import Arrived, receive  # noqa: E402
from cocoonmail.intake.triage import Triage  # noqa: E402
from cocoonmail.kit.clock import database_now  # noqa: E402
from cocoonmail.loops.models import Loop, Run, RunState  # noqa: E402
from cocoonmail.platforms.base import Announcement  # noqa: E402
from cocoonmail.platforms.stripe.announce import announce  # noqa: E402
from cocoonmail.platforms.stripe.samples import body, sample  # noqa: E402

ROUNDS = 2
BATCH = worker.BATCH_MAX
NOW = 1_790_000_000


def main(webhooks: int) -> None:
    """Fill, then process and write bare in turn."""
    endpoint = Endpoint.objects.get()
    ours, bare = [], []
    for number in range(ROUNDS):
        fill(endpoint, number, webhooks // ROUNDS)
        ours.append(rate(process, webhooks // ROUNDS))
        bare.append(rate(lambda count: write_bare(endpoint.workspace_id, count), webhooks // ROUNDS))
    rows = check(webhooks // ROUNDS * ROUNDS)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": median(ours), "limit": median(bare), "rows_checked": rows, "peak_memory": memory}))


def rate(work: Callable[[int], object], count: int) -> float:
    """How many a second."""
    begin = time.perf_counter()
    work(count)
    return count / (time.perf_counter() - begin)


def fill(endpoint: Endpoint, number: int, count: int) -> None:
    """Store invoice.paid webhooks of distinct customers, as the door does."""
    event = sample("invoice.paid", email="ada@example.com", name="Ada Lovelace", now=NOW, token="bench")
    for begin in range(0, count, BATCH):
        receive([arrived(endpoint, event, f"{number}x{n}") for n in range(begin, min(begin + BATCH, count))])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def arrived(endpoint: Endpoint, event: dict[str, object], mark: str, who: str = "") -> Arrived:
    """One webhook with ids of its own, of the customer `who`, a new one where none is named."""
    one, who = copy.deepcopy(event), who or mark
    invoice = one["data"]["object"]  # type: ignore[index]
    one["id"], invoice["id"], invoice["customer"] = f"evt_{mark}", f"in_{mark}", f"cus_{who}"
    invoice["customer_email"] = f"ada{who}@example.com"
    raw = body(one)
    said = announce(raw)
    assert isinstance(said, Announcement)
    return Arrived(endpoint.workspace_id, endpoint.pk, said, raw, {}, 0, Triage(DeliveryState.WAITING))


def process(_: int) -> int:
    """What the worker does until nothing is due. Returns how many rows it took."""
    taken = 0
    while now := worker.step(worker.PROCESS) + worker.step(worker.ADVANCE):
        taken += now
    return taken


def write_bare(workspace: int, count: int) -> None:
    """The same four rows, written by bulk_create alone."""
    like = Like(workspace)
    for begin in range(0, count, BATCH):
        marks = [secrets.token_hex(8) for _ in range(begin, min(begin + BATCH, count))]
        with transaction.atomic():
            contacts = Contact.objects.bulk_create(like.contact(mark) for mark in marks)
            events = Event.objects.bulk_create(like.event(contact) for contact in contacts)
            runs = Run.objects.bulk_create(like.run(event) for event in events)
            Message.objects.bulk_create(like.message(run) for run in runs)


class Like:
    """Rows like those that processing wrote last."""

    def __init__(self, workspace: int) -> None:
        self.workspace, self.now = workspace, database_now()
        self.name = EventName.objects.get(name="successfulPayment")
        self.loop = Loop.objects.select_related("published").get()
        self.one = Message.objects.latest("pk")
        self.properties = Event.objects.latest("pk").properties

    def contact(self, mark: str) -> Contact:
        """A contact with an address of its own."""
        names = {"first_name": "Ada", "last_name": "Lovelace", "source": "Stripe webhook"}
        email, times = f"{mark}@bare.test", {"created_at": self.now, "updated_at": self.now}
        return Contact(workspace_id=self.workspace, email=email, email_key=email, **names, **times)

    def event(self, contact: Contact) -> Event:
        """The contact's event."""
        times = {"occurred_at": self.now, "recorded_at": self.now}
        return Event(
            workspace_id=self.workspace,
            name=self.name,
            contact=contact,
            key=contact.email,
            properties=self.properties,
            **times,
        )

    def run(self, event: Event) -> Run:
        """The event's run, at its end."""
        times = {"started_at": self.now, "finished_at": self.now}
        return Run(
            workspace_id=self.workspace,
            loop=self.loop,
            version=self.loop.published,
            contact=event.contact,
            event=event,
            key=event.key,
            state=RunState.FINISHED,
            **times,
        )

    def message(self, run: Run) -> Message:
        """The run's message; held, so that nobody sends it."""
        return Message(
            workspace_id=self.workspace,
            contact=run.contact,
            version_id=self.one.version_id,
            key=run.key,
            loop_id=self.loop.pk,
            run_id=run.pk,
            step="email-2",
            kind=self.one.kind,
            to_email=run.contact.email,
            facts=self.one.facts,
            token=secrets.token_urlsafe(18),
            status=Status.HELD,
            created_at=self.now,
        )


def check(webhooks: int) -> int:
    """Every webhook led to its four rows, once; beside them stand the bare ones."""
    counts = {
        "done": Delivery.objects.filter(state=DeliveryState.DONE).count(),
        "events": Event.objects.filter(delivery_id__isnull=False).count(),
        "runs": Run.objects.filter(state=RunState.FINISHED).count() - webhooks,
        "messages": Message.objects.filter(status=Status.QUEUED).count(),
    }
    if set(counts.values()) != {webhooks}:
        raise CheckFailed(f"{webhooks} webhooks, but {counts}.")
    return webhooks


def made() -> dict[str, int]:
    """What was made of webhooks since this database began."""
    return {
        "done": Delivery.objects.filter(state=DeliveryState.DONE).count(),
        "events": Event.objects.filter(delivery_id__isnull=False).count(),
        "runs": Run.objects.filter(state=RunState.FINISHED).count(),
        "messages": Message.objects.filter(run_id__isnull=False).count(),
    }


def check_made(before: Mapping[str, int], webhooks: int) -> None:
    """Raises CheckFailed unless each of these webhooks led to its rows, once."""
    news = {what: number - before[what] for what, number in made().items()}
    if set(news.values()) != {webhooks}:
        raise CheckFailed(f"{webhooks} webhooks, but {news}.")


if __name__ == "__main__":
    main(int(sys.argv[1]))
