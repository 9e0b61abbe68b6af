"""A shop that uses Cocoonmail: a workspace with a Stripe endpoint and loops, and what Stripe says of its customers."""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cocoonmail import dispatch, worker
from cocoonmail.accounts.models import Workspace
from cocoonmail.api.ascode.apply import apply
from cocoonmail.api.ascode.spec import read_file
from cocoonmail.emails.models import Message
from cocoonmail.emails.send import Sender
from cocoonmail.intake.book import wishes_of
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.intake.receive import Arrived, Stored, receive
from cocoonmail.intake.triage import triage
from cocoonmail.kit.clock import database_now
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Announcement
from cocoonmail.platforms.stripe.samples import body, sample

SECRET = "whsec_of_the_shop"
NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
EVENTS = {
    "customer.created": "newStripeCustomer",
    "customer.updated": "stripeCustomerUpdated",
    "invoice.paid": "successfulPayment",
    "invoice.payment_failed": "failedPayment",
}
# A payment becomes one email.
PAID = f"""
workspace: Acme
sender: {{name: Acme, email: hello@acme.test}}
address: "1 Main St, Oslo"
endpoints:
  - {{name: Stripe, platform: stripe, secrets: [{SECRET}], events: {{invoice.paid: successfulPayment}}}}
loops:
  - {{name: Paid, trigger: {{event: successfulPayment}}, state: live,
     steps: [{{wait: 0m}}, {{email: {{template: stripe-payment-successful}}}}]}}
"""
# What follows from payments: as many of each as there were, all of different people.
ROWS = """SELECT (SELECT count(*) FROM contacts_contact), (SELECT count(*) FROM contacts_event),
    (SELECT count(*) FROM loops_run), (SELECT count(*) FROM emails_message)"""
FILE = f"""
workspace: Acme
sender: {{name: Acme, email: hello@acme.test}}
address: "1 Main St, Oslo"
transport: %s
endpoints:
  - {{name: Stripe, platform: stripe, secrets: [{SECRET}], user_group: Customers,
     events: {{customer.created: newStripeCustomer, customer.updated: stripeCustomerUpdated,
              invoice.paid: successfulPayment, invoice.payment_failed: failedPayment}}}}
loops:
  - {{name: Welcome, trigger: {{event: newStripeCustomer}}, frequency: every_time, state: live,
     steps: [{{wait: 0m}}, {{email: {{template: stripe-new-customer}}}}]}}
  - {{name: Paid, trigger: {{event: successfulPayment}}, frequency: every_time, state: live,
     steps: [{{wait: 0m}}, {{email: {{template: stripe-payment-successful}}}}]}}
  - {{name: Failed, trigger: {{event: failedPayment}}, frequency: every_time, state: live,
     steps: [{{wait: 0m}}, {{email: {{template: stripe-payment-failed}}}}]}}
"""


@dataclass
class Shop:
    """The workspace and its endpoint; needs the database."""

    workspace: Workspace
    endpoint: Endpoint

    @classmethod
    def opened(cls, transport: str = "capture", file: str = "") -> Shop:
        """A new one, made as an operator would: from a file."""
        apply(read_file(file or FILE % transport), database_now())
        endpoint = Endpoint.objects.select_related("workspace").latest("pk")
        return cls(endpoint.workspace, endpoint)

    def hear(self, *events: dict[str, Any]) -> list[Stored]:
        """Webhooks arrive: stored as the door stores what it has verified."""
        platform = PLATFORMS[self.endpoint.platform]
        arrived, wishes = [], wishes_of(self.endpoint)
        for event in events:
            raw = body(event)
            said = platform.announce(raw)
            assert isinstance(said, Announcement), said
            first = triage(platform, wishes, said)
            arrived.append(
                Arrived(self.endpoint.workspace_id, self.endpoint.pk, said, raw, {"user-agent": "Stripe/1.0"}, 0, first)
            )
        return receive(arrived)

    def work(self, now: datetime | None = None) -> None:
        """Process and advance until nothing is due, as if the database's clock showed `now`."""
        while worker.step(worker.PROCESS, now=now) + worker.step(worker.ADVANCE, now=now):
            pass

    def send(self) -> None:
        """Send what is due. Needs transactions that other threads can see."""
        asyncio.run(self._send())

    async def _send(self) -> None:
        sender = Sender()
        loop = asyncio.get_running_loop()
        while messages := await loop.run_in_executor(None, _claim):
            await asyncio.gather(*(sender.send(message) for message in messages))
        await sender.aclose()

    def last(self) -> Delivery:
        """The newest delivery."""
        return Delivery.objects.latest("pk")


def _claim() -> list[Message]:
    from django.db import connection

    try:
        return dispatch.claim_messages(100)
    finally:
        connection.close()


def event(type: str, email: str | None = "ada@example.com", *, at: int = NOON, **changes: Any) -> dict[str, Any]:
    """What Stripe would send; `changes` go into data.object. Each call is another event."""
    made = sample(type, email=email, name="Ada Lovelace", now=at, token=secrets.token_hex(8))
    made["data"]["object"].update(changes)
    return made


def updated(customer: dict[str, Any], at: int, **changes: Any) -> dict[str, Any]:
    """A customer.updated that follows from the customer event before: new values, and what they were."""
    before = customer["data"]["object"]
    made = event("customer.updated", at=at)
    made["data"]["object"] = {**copy.deepcopy(before), **changes}
    made["data"]["previous_attributes"] = {name: before.get(name) for name in changes}
    return made


def states(deliveries: Sequence[Delivery]) -> list[str]:
    """The deliveries' states, as stored now."""
    stored = Delivery.objects.in_bulk([delivery.pk for delivery in deliveries])
    return [stored[delivery.pk].state for delivery in deliveries]
