"""The events of Stripe that we read, in the order that the endpoint's page shows them. This table is the registry."""

from __future__ import annotations

from collections.abc import Mapping

from cocoonmail.platforms.base import EventType
from cocoonmail.platforms.stripe import charges, checkout, customers, invoices, quotes, subscriptions

_CUSTOMERS = (
    EventType(
        "customer.created",
        "Customer created",
        "Somebody became a customer.",
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
)
_PAYMENTS = (
    EventType(
        "invoice.paid",
        "Invoice paid",
        "A payment succeeded or an invoice was marked as paid. A free trial begins with a paid invoice over nothing.",
        "successfulPayment",
        invoices.paid,
    ),
    EventType(
        "invoice.payment_failed",
        "Payment failed",
        "A payment of an invoice did not succeed. Comes once for each attempt.",
        "failedPayment",
        invoices.payment_failed,
    ),
)
_FAREWELLS = (
    EventType(
        "customer.deleted",
        "Customer deleted",
        "A customer was deleted in Stripe. You choose what happens to the contact.",
        "",
        customers.deleted,
        removal=True,
    ),
)
_SUBSCRIPTIONS = (
    EventType(
        "customer.subscription.created",
        "Subscription created",
        "A customer subscribed. The first payment can still be missing.",
        "subscriptionCreated",
        subscriptions.created,
    ),
    EventType(
        "customer.subscription.updated",
        "Subscription updated",
        "A subscription changed: its plan, quantity, status, trial or end.",
        "",
        subscriptions.updated,
    ),
    EventType(
        "customer.subscription.paused",
        "Subscription paused",
        "A subscription was paused, such as after a trial without a payment method.",
        "subscriptionPaused",
        subscriptions.paused,
    ),
    EventType(
        "customer.subscription.resumed",
        "Subscription resumed",
        "A paused subscription goes on.",
        "subscriptionResumed",
        subscriptions.resumed,
    ),
    EventType(
        "customer.subscription.trial_will_end",
        "Trial ends soon",
        "A trial ends in three days. Comes at once when a trial is shorter or is ended by hand.",
        "trialEndsSoon",
        subscriptions.trial_will_end,
    ),
    EventType(
        "customer.subscription.deleted",
        "Subscription ended",
        "A subscription was canceled and its time is over.",
        "subscriptionEnded",
        subscriptions.deleted,
    ),
)
_CHECKOUTS = (
    EventType(
        "checkout.session.completed",
        "Checkout completed",
        "Somebody completed a checkout, also as a guest. With some ways to pay the money is still on its way.",
        "checkoutCompleted",
        checkout.completed,
    ),
    EventType(
        "checkout.session.async_payment_succeeded",
        "Delayed payment succeeded",
        "The payment of a completed checkout arrived, such as by direct debit.",
        "delayedPaymentSucceeded",
        checkout.async_payment_succeeded,
    ),
    EventType(
        "checkout.session.async_payment_failed",
        "Delayed payment failed",
        "The payment of a completed checkout did not arrive.",
        "delayedPaymentFailed",
        checkout.async_payment_failed,
    ),
)
_TROUBLES = (
    EventType(
        "charge.dispute.created",
        "Dispute opened",
        "A customer's bank disputes a payment. Stripe names no customer; an address may stand in the evidence.",
        "",
        charges.dispute_created,
    ),
    EventType(
        "charge.dispute.closed",
        "Dispute closed",
        "A dispute was won, lost or withdrawn.",
        "",
        charges.dispute_closed,
    ),
    EventType(
        "charge.refunded",
        "Payment refunded",
        "A payment was given back, all of it or a part.",
        "paymentRefunded",
        charges.refunded,
    ),
)
_ANNOUNCEMENTS = (
    EventType(
        "invoice.upcoming",
        "Invoice coming up",
        "A subscription renews in some days; how many is set in Stripe.",
        "upcomingInvoice",
        invoices.upcoming,
    ),
    EventType(
        "quote.finalized",
        "Quote finalized",
        "A quote is ready for the customer.",
        "quoteFinalized",
        quotes.finalized,
    ),
    EventType(
        "quote.accepted",
        "Quote accepted",
        "A customer accepted a quote.",
        "quoteAccepted",
        quotes.accepted,
    ),
    EventType(
        "quote.canceled",
        "Quote canceled",
        "A quote was taken back.",
        "quoteCanceled",
        quotes.canceled,
    ),
)

EVENTS: Mapping[str, EventType] = {
    event.name: event
    for event in (
        *_CUSTOMERS, *_PAYMENTS, *_FAREWELLS, *_SUBSCRIPTIONS, *_CHECKOUTS, *_TROUBLES, *_ANNOUNCEMENTS
    )
}  # fmt: skip
