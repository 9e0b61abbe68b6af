"""invoice.paid, invoice.payment_failed and invoice.upcoming: https://docs.stripe.com/api/invoices/object.

Two shapes are read: with API version 2025-03-31.basil what told of the subscription and of prices moved
(https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects).
"""

from __future__ import annotations

from cocoonmail.contacts.changes import Customer, Facts, Properties, Reading
from cocoonmail.platforms.base import Announcement, Payload
from cocoonmail.platforms.stripe import lines, money
from cocoonmail.platforms.stripe.names import split
from cocoonmail.platforms.stripe.reading import begun, copied, customer_of, happening, over, person
from cocoonmail.platforms.stripe.shape import (
    Shape,
    address,
    amount,
    entries,
    link,
    metadata,
    moment,
    part,
    reference,
    subject,
    text,
    told,
    whole,
)
from cocoonmail.platforms.stripe.sheet import Sheet


def paid(said: Announcement, payload: Payload) -> Reading:
    """An invoice was paid, or marked as paid; also one over nothing, as a trial begins with."""
    found = subject(payload, "invoice")
    return _reading(said, found, _key(said, found), "amount_paid", "{} was paid by {}")


def payment_failed(said: Announcement, payload: Payload) -> Reading:
    """An attempt to pay an invoice failed. One invoice can fail several times; each attempt is a happening."""
    found = subject(payload, "invoice")
    attempt = whole(found, "attempt_count")
    key = "" if attempt is None else _key(said, found, f":{attempt}")
    sentence = f"{{}} could not be paid by {{}}{_ordinal(attempt)}"
    return _reading(said, found, key, "amount_due", sentence)


def upcoming(said: Announcement, payload: Payload) -> Reading:
    """An invoice will be made in some days. It has no id yet."""
    return _reading(said, subject(payload, "invoice"), "", "amount_due", "{} is coming up for {}")


def _key(said: Announcement, found: Shape, more: str = "") -> str:
    """The invoice names the happening: Stripe can send two events for one payment."""
    id = reference(found, "id")
    return f"{said.type}:{id}{more}" if id else ""


def _reading(said: Announcement, found: Shape, key: str, asked: str, sentence: str) -> Reading:
    customer, email = customer_of(said, found), address(found, "customer_email")
    name = told(found, "customer_name")
    change = copied(said, customer, email, split(name), _frozen_at(said, found))
    understood = sentence.format(_called(found, asked), person(name, email, customer))
    properties = _properties(said, found, customer, name, email)
    return Reading(change, happening(said, key, properties), _facts(said, found, asked), understood)


def _frozen_at(said: Announcement, found: Shape) -> int:
    """When the copy of the customer's data was made: it follows the customer until the invoice is final."""
    final = moment(part(found, "status_transitions"), "finalized_at")
    return final or moment(found, "created") or moment(found, "date") or said.created


def _facts(said: Announcement, found: Shape, key: str) -> Facts:
    rows = entries(found, "lines")
    return Facts(
        livemode=said.livemode,
        products=lines.product_ids(rows),
        prices=lines.price_ids(rows),
        metadata=metadata(*_metadata(found)),
        amount=amount(found, key),
        currency=money.code_of(text(found, "currency")),
    )


def _metadata(found: Shape) -> tuple[Shape, Shape, Shape]:
    """The subscription's metadata (both shapes) under the invoice's own."""
    return (
        part(found, "subscription_details", "metadata"),
        part(found, "parent", "subscription_details", "metadata"),
        part(found, "metadata"),
    )


def _properties(said: Announcement, found: Shape, customer: Customer | None, name: str, email: str) -> Properties:
    sheet = begun(said, found, customer, name=name, email=email)
    _about_payment(sheet, found)
    _about_invoice(sheet, found)
    lines.describe(sheet, entries(found, "lines"))
    sheet.metadata(metadata(*_metadata(found)))
    return sheet.finished()


def _about_payment(sheet: Sheet, found: Shape) -> None:
    sheet.text("currency", sheet.currency)
    sheet.money("amountPaid", amount(found, "amount_paid"))
    sheet.money("amountDue", amount(found, "amount_due"))
    sheet.money("amountRemaining", amount(found, "amount_remaining"))
    sheet.money("amountTotal", amount(found, "total"))
    sheet.number("attemptCount", whole(found, "attempt_count"))
    sheet.moment("nextPaymentAttempt", moment(found, "next_payment_attempt"))
    sheet.moment("dueDate", moment(found, "due_date"))


def _about_invoice(sheet: Sheet, found: Shape) -> None:
    sheet.text("invoiceId", reference(found, "id"))
    sheet.text("invoiceNumber", text(found, "number"))
    sheet.text("invoiceUrl", link(found, "hosted_invoice_url"))
    sheet.text("invoicePdf", link(found, "invoice_pdf"))
    sheet.text("invoiceDescription", text(found, "description"))
    sheet.text("billingReason", text(found, "billing_reason"))
    sheet.text("collectionMethod", text(found, "collection_method"))
    sheet.text("status", text(found, "status"))
    details = part(found, "parent", "subscription_details")
    sheet.text("subscriptionId", reference(details, "subscription") or reference(found, "subscription"))


def _called(found: Shape, asked: str) -> str:
    """The invoice in words: Invoice ACME-0042 over €19.99."""
    number = text(found, "number", 100)
    return f"Invoice {number}{over(found, asked)}" if number else f"An invoice{over(found, asked)}"


def _ordinal(attempt: int | None) -> str:
    return f" (attempt {attempt})" if attempt else ""
