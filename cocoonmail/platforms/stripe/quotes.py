"""quote.finalized, quote.accepted and quote.canceled: https://docs.stripe.com/api/quotes/object."""

from __future__ import annotations

from cocoonmail.contacts.changes import Customer, Facts, Properties, Reading
from cocoonmail.platforms.base import Announcement, Payload
from cocoonmail.platforms.stripe import lines, money
from cocoonmail.platforms.stripe.reading import begun, customer_of, happening, only_mentioned, over, person
from cocoonmail.platforms.stripe.shape import (
    Shape,
    amount,
    entries,
    metadata,
    moment,
    part,
    reference,
    subject,
    text,
)


def finalized(said: Announcement, payload: Payload) -> Reading:
    """A quote can be sent to the customer."""
    return _reading(said, subject(payload, "quote"), "{}{} for {} is final")


def accepted(said: Announcement, payload: Payload) -> Reading:
    """A quote was accepted."""
    return _reading(said, subject(payload, "quote"), "{}{} was accepted by {}")


def canceled(said: Announcement, payload: Payload) -> Reading:
    """A quote was taken back."""
    return _reading(said, subject(payload, "quote"), "{}{} for {} was canceled")


def _reading(said: Announcement, found: Shape, sentence: str) -> Reading:
    customer, rows = customer_of(said, found), entries(found, "line_items")
    facts = Facts(
        livemode=said.livemode,
        products=lines.product_ids(rows),
        prices=lines.price_ids(rows),
        metadata=metadata(part(found, "metadata")),
        amount=amount(found, "amount_total"),
        currency=money.code_of(text(found, "currency")),
    )
    number = text(found, "number", 100)
    called = f"Quote {number}" if number else "A quote"
    words = sentence.format(called, over(found, "amount_total"), person("", "", customer))
    what = happening(said, "", _properties(said, found, customer))
    return Reading(only_mentioned(said, customer), what, facts, words)


def _properties(said: Announcement, found: Shape, customer: Customer | None) -> Properties:
    sheet = begun(said, found, customer)
    sheet.text("quoteId", reference(found, "id"))
    sheet.text("quoteNumber", text(found, "number"))
    sheet.text("status", text(found, "status"))
    sheet.text("description", text(found, "description"))
    sheet.text("currency", sheet.currency)
    sheet.money("amountTotal", amount(found, "amount_total"))
    sheet.moment("expiresAt", moment(found, "expires_at"))
    sheet.text("invoiceId", reference(found, "invoice"))
    sheet.text("subscriptionId", reference(found, "subscription"))
    lines.describe(sheet, entries(found, "line_items"))
    sheet.metadata(metadata(part(found, "metadata")))
    return sheet.finished()
