"""The events of Stripe that we read, in the order that the endpoint's page shows them. This table is the registry."""

from __future__ import annotations

from collections.abc import Mapping

from cocoonmail.platforms.base import EventType
from cocoonmail.platforms.stripe import customers, invoices

EVENTS: Mapping[str, EventType] = {
    event.name: event
    for event in (
        EventType(
            "customer.created",
            "Customer created",
            "Somebody became a customer in Stripe.",
            "newStripeCustomer",
            customers.created,
        ),
        EventType(
            "customer.updated",
            "Customer updated",
            "A customer's email, name or other details changed. Keeps the contact up to date.",
            "",
            customers.updated,
        ),
        EventType(
            "invoice.paid",
            "Invoice paid",
            "A payment succeeded, or an invoice was marked as paid. Trials begin with an invoice over nothing.",
            "successfulPayment",
            invoices.paid,
        ),
        EventType(
            "invoice.payment_failed",
            "Payment failed",
            "An attempt to pay an invoice failed. Comes once per attempt.",
            "failedPayment",
            invoices.payment_failed,
        ),
    )
}
