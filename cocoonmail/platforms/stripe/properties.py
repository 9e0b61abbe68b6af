"""What the events carry into emails: every property's name, type and meaning. docs/stripe.md shows this very table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cocoonmail.platforms.stripe.read import EVENTS

# The events that carry the same properties, under the word that the table uses for them.
GROUPS: Mapping[str, tuple[str, ...]] = {
    group: tuple(name for name in EVENTS if name.startswith(prefixes))
    for group, prefixes in {
        "customer": ("customer.created", "customer.updated", "customer.deleted"),
        "invoice": ("invoice.",),
        "subscription": ("customer.subscription.",),
        "checkout": ("checkout.",),
        "refund": ("charge.refunded",),
        "dispute": ("charge.dispute.",),
        "quote": ("quote.",),
    }.items()
}

# How a property's kind becomes properties: the ending of each name, and its type.
KINDS: Mapping[str, Mapping[str, str]] = {
    "text": {"": "string"},
    "number": {"": "number"},
    "boolean": {"": "boolean"},
    "list": {"": "list"},
    "time": {"": "date", "Display": "string"},
    "amount": {"": "number", "Decimal": "string", "Display": "string"},
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property, or the two or three in which one time or amount is told.

    `kind` is one of KINDS, `groups` are those of GROUPS whose events can carry it; `only` names the event where it is
    only one of them.
    """

    name: str
    kind: str
    meaning: str
    groups: str
    only: str = ""

    @property
    def types(self) -> Mapping[str, str]:
        """The type of each property, by name: string, number, boolean, date (ISO 8601, UTC) or list."""
        return {f"{self.name}{ending}": type for ending, type in KINDS[self.kind].items()}

    def carried_by(self, event_type: str) -> bool:
        """Whether an event of this type can carry it."""
        if self.only:
            return event_type == self.only
        return any(event_type in GROUPS[group] for group in self.groups.split())


EVERY = " ".join(GROUPS)
WHO = "customer invoice checkout refund dispute"
SOLD = "invoice subscription checkout quote"

EVENT_PROPERTIES: tuple[Property, ...] = (
    Property("customerName", "text", "The person's or company's whole name.", WHO),
    Property("customerEmail", "text", "The email address in the event.", WHO),
    Property("stripeCustomerId", "text", "The customer's id, cus_…", EVERY),
    Property("stripeAccountId", "text", "The connected account's id, acct_…, for events of connected accounts.", EVERY),
    Property("livemode", "boolean", "False for what happened in Stripe's test mode.", EVERY),
    Property(
        "metadata", "list", "Your own data, as a list of {key, value}. For invoices the subscription's too.", EVERY
    ),
    Property("businessName", "text", "The company's name, where Stripe keeps it apart.", "customer checkout"),
    Property("customerPhone", "text", "The phone number.", "customer checkout"),
    Property("customerCountry", "text", "The country of the address: NO.", "customer checkout"),
    Property("customerLanguage", "text", "The preferred language: pt-BR.", "customer"),
    Property("customerDescription", "text", "Your note on the customer.", "customer"),
    Property("previousEmail", "text", "The address before this change.", "customer", "customer.updated"),
    Property("previousName", "text", "The name before this change.", "customer", "customer.updated"),
    Property("changed", "text", "What changed, in Stripe's words: email, name.", "customer", "customer.updated"),
    Property("currency", "text", "The currency: EUR.", EVERY),
    Property("amountPaid", "amount", "What was paid.", "invoice"),
    Property("amountDue", "amount", "What is to be paid.", "invoice"),
    Property("amountRemaining", "amount", "What is still to be paid.", "invoice"),
    Property(
        "amountTotal", "amount", "The total, before anything was paid or refunded.", "invoice checkout refund quote"
    ),
    Property("attemptCount", "number", "How many times Stripe tried to collect the payment.", "invoice"),
    Property("nextPaymentAttempt", "time", "When Stripe tries again; absent when it does not.", "invoice"),
    Property("dueDate", "time", "When an invoice that is sent must be paid.", "invoice"),
    Property("invoiceId", "text", "The invoice's id, in_…", "invoice checkout refund quote"),
    Property("invoiceNumber", "text", "The number on the invoice.", "invoice"),
    Property("invoiceUrl", "text", "The page where the invoice can be seen and paid.", "invoice"),
    Property("invoicePdf", "text", "The invoice as PDF.", "invoice"),
    Property("invoiceDescription", "text", "The memo on the invoice.", "invoice"),
    Property(
        "billingReason", "text", "Why there is an invoice: subscription_create, subscription_cycle, manual …", "invoice"
    ),
    Property("collectionMethod", "text", "charge_automatically or send_invoice.", "invoice subscription"),
    Property("status", "text", "The object's state: paid, open, active, complete …", SOLD),
    Property("previousStatus", "text", "The state before this change.", "subscription"),
    Property("subscriptionId", "text", "The subscription's id, sub_…", SOLD),
    Property("productName", "text", "What was sold.", SOLD),
    Property("planDescription", "text", "What was sold, as Stripe words it on the invoice.", SOLD),
    Property(
        "planAmount", "amount", "What the subscription costs each time; absent for tiered prices.", "subscription"
    ),
    Property("planInterval", "text", "day, week, month or year.", "subscription"),
    Property("planIntervalCount", "number", "How many of these lie between two invoices.", "subscription"),
    Property("quantity", "number", "How many were sold.", SOLD),
    Property("periodStart", "time", "When the time that is paid for begins.", SOLD),
    Property("periodEnd", "time", "When it ends.", SOLD),
    Property(
        "lineItems",
        "list",
        "Up to 50 lines, as a list of {description, amount, amountDecimal, amountDisplay, quantity}.",
        "invoice checkout quote",
    ),
    Property("trialStart", "time", "When the trial began.", "subscription"),
    Property("trialEnd", "time", "When the trial ends.", "subscription"),
    Property("cancelAtPeriodEnd", "boolean", "Whether it ends with the period that is paid for.", "subscription"),
    Property("canceledAt", "time", "When it was canceled.", "subscription"),
    Property("endsAt", "time", "When it ended or will end, once that is settled.", "subscription"),
    Property(
        "cancellationReason", "text", "cancellation_requested, payment_failed or payment_disputed.", "subscription"
    ),
    Property("cancellationFeedback", "text", "What the customer chose as the reason: too_expensive …", "subscription"),
    Property("pausedUntil", "time", "When a paused collection of payments goes on.", "subscription"),
    Property("checkoutSessionId", "text", "The checkout's id, cs_…", "checkout"),
    Property("checkoutMode", "text", "payment, subscription or setup.", "checkout"),
    Property("paymentStatus", "text", "paid, unpaid or no_payment_required.", "checkout"),
    Property("clientReferenceId", "text", "Your own reference for the checkout.", "checkout"),
    Property("paymentIntentId", "text", "The payment's id, pi_…", "checkout refund dispute"),
    Property("chargeId", "text", "The charge's id, ch_…", "refund dispute"),
    Property("amountRefunded", "amount", "What was refunded so far, all refunds together.", "refund"),
    Property("refundAmount", "amount", "What this refund gives back.", "refund"),
    Property("fullyRefunded", "boolean", "Whether all was given back.", "refund"),
    Property(
        "refundReason", "text", "duplicate, fraudulent or requested_by_customer; old API versions only.", "refund"
    ),
    Property("receiptUrl", "text", "The page with the receipt.", "refund"),
    Property("cardBrand", "text", "visa, mastercard …", "refund"),
    Property("cardLast4", "text", "The card's last four digits.", "refund"),
    Property("description", "text", "What the payment or quote is for.", "refund quote"),
    Property("disputeId", "text", "The dispute's id, du_…", "dispute"),
    Property("disputeReason", "text", "fraudulent, product_not_received …", "dispute"),
    Property("disputeStatus", "text", "needs_response, under_review, won, lost …", "dispute"),
    Property("amountDisputed", "amount", "What is disputed.", "dispute"),
    Property("evidenceDueBy", "time", "Until when evidence can be handed in.", "dispute"),
    Property("quoteId", "text", "The quote's id, qt_…", "quote"),
    Property("quoteNumber", "text", "The number on the quote.", "quote"),
    Property("expiresAt", "time", "Until when the quote can be accepted.", "quote"),
)


def properties_of(event_type: str) -> dict[str, str]:
    """The type of every property that an event of this type can carry, by name."""
    carried = (one for one in EVENT_PROPERTIES if one.carried_by(event_type))
    return {name: type for one in carried for name, type in one.types.items()}


def as_markdown() -> str:
    """The table as docs/stripe.md shows it."""
    rows = (f"| {_names(one)} | {one.kind} | {one.meaning} | {_groups(one)} |" for one in EVENT_PROPERTIES)
    return "\n".join(("| Property | Kind | What it says | In events about |", "|---|---|---|---|", *rows))


def _names(one: Property) -> str:
    return ", ".join(f"`{name}`" for name in one.types)


def _groups(one: Property) -> str:
    if one.only:
        return f"`{one.only}` only"
    return "all" if one.groups == EVERY else ", ".join(one.groups.split())
