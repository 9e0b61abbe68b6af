"""charge.refunded and charge.dispute.*: https://docs.stripe.com/api/charges/object, …/api/disputes/object."""

from __future__ import annotations

from cocoonmail.contacts.changes import Customer, Facts, Properties, Reading
from cocoonmail.platforms.base import Announcement, Payload
from cocoonmail.platforms.stripe import money
from cocoonmail.platforms.stripe.reading import begun, customer_of, happening, literal, only_mentioned, over, person
from cocoonmail.platforms.stripe.shape import (
    EMPTY,
    Shape,
    address,
    amount,
    before,
    entries,
    flag,
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


def refunded(said: Announcement, payload: Payload) -> Reading:
    """A payment was given back, all of it or a part."""
    found, old = subject(payload, "charge"), before(payload) or EMPTY
    customer, name = customer_of(said, found), told(part(found, "billing_details"), "name")
    email = address(part(found, "billing_details"), "email") or address(found, "receipt_email")
    sheet = begun(said, found, customer, name=name, email=email)
    _about_charge(sheet, found)
    sheet.money("refundAmount", _now_refunded(found, old))
    sheet.text("refundReason", text(_last_refund(found), "reason"))
    sheet.metadata(metadata(part(found, "metadata")))
    words = f"{_share(found)}{over(found, 'amount')} was refunded to {person(name, email, customer)}"
    facts = _facts(said, found, "amount_refunded")
    return Reading(only_mentioned(said, customer, email), happening(said, "", sheet.finished()), facts, words)


def dispute_created(said: Announcement, payload: Payload) -> Reading:
    """A payment is disputed, or its bank inquires about it."""
    return _dispute(said, subject(payload, "dispute"), "A payment{} of {} is disputed")


def dispute_closed(said: Announcement, payload: Payload) -> Reading:
    """A dispute ended: won, lost or withdrawn."""
    found = subject(payload, "dispute")
    outcome = literal(text(found, "status", 50)).replace("_", " ") or "outcome unknown"
    return _dispute(said, found, f"The dispute about a payment{{}} of {{}} is closed: {outcome}")


def _about_charge(sheet: Sheet, found: Shape) -> None:
    sheet.text("chargeId", reference(found, "id"))
    sheet.text("paymentIntentId", reference(found, "payment_intent"))
    sheet.text("invoiceId", reference(found, "invoice"))
    sheet.text("currency", sheet.currency)
    sheet.money("amountTotal", amount(found, "amount"))
    sheet.money("amountRefunded", amount(found, "amount_refunded"))
    sheet.flag("fullyRefunded", flag(found, "refunded"))
    sheet.text("description", text(found, "description"))
    sheet.text("receiptUrl", link(found, "receipt_url"))
    card = part(found, "payment_method_details", "card") or part(found, "source")
    sheet.text("cardBrand", text(card, "brand", 50))
    sheet.text("cardLast4", text(card, "last4", 4))


def _now_refunded(found: Shape, old: Shape) -> int | None:
    """The part that this refund gives back; earlier ones are in `amount_refunded` too."""
    total, earlier = whole(found, "amount_refunded"), whole(old, "amount_refunded")
    return None if total is None or earlier is None else total - earlier


def _last_refund(found: Shape) -> Shape:
    """The newest refund, which API versions from 2022-11-15 on leave out of the charge."""
    return next(iter(entries(found, "refunds")), EMPTY)


def _share(found: Shape) -> str:
    return "A payment" if flag(found, "refunded") is not False else "A part of a payment"


def _dispute(said: Announcement, found: Shape, sentence: str) -> Reading:
    """A dispute names no customer, unless its charge is expanded; the evidence may name an address."""
    charge, evidence = part(found, "charge"), part(found, "evidence")
    customer, email = customer_of(said, charge), address(evidence, "customer_email_address")
    email = email or address(part(charge, "billing_details"), "email")
    name = told(evidence, "customer_name") or told(part(charge, "billing_details"), "name")
    properties = _dispute_properties(said, found, customer, name, email)
    words = sentence.format(over(found, "amount"), person(name, email, customer))
    facts = _facts(said, found, "amount")
    return Reading(only_mentioned(said, customer, email), happening(said, "", properties), facts, words)


def _dispute_properties(
    said: Announcement, found: Shape, customer: Customer | None, name: str, email: str
) -> Properties:
    sheet = begun(said, found, customer, name=name, email=email)
    sheet.text("disputeId", reference(found, "id"))
    sheet.text("disputeReason", text(found, "reason"))
    sheet.text("disputeStatus", text(found, "status"))
    sheet.text("currency", sheet.currency)
    sheet.money("amountDisputed", amount(found, "amount"))
    sheet.moment("evidenceDueBy", moment(part(found, "evidence_details"), "due_by"))
    sheet.text("chargeId", reference(found, "charge"))
    sheet.text("paymentIntentId", reference(found, "payment_intent"))
    sheet.metadata(metadata(part(found, "metadata")))
    return sheet.finished()


def _facts(said: Announcement, found: Shape, key: str) -> Facts:
    return Facts(
        livemode=said.livemode,
        metadata=metadata(part(found, "metadata")),
        amount=amount(found, key),
        currency=money.code_of(text(found, "currency")),
    )
