"""checkout.session.*: https://docs.stripe.com/api/checkout/sessions/object."""

from __future__ import annotations

from cocoonmail.contacts.changes import Customer, Facts, Properties, Reading
from cocoonmail.platforms.base import Announcement, Payload
from cocoonmail.platforms.stripe import lines, money
from cocoonmail.platforms.stripe.names import name_of
from cocoonmail.platforms.stripe.reading import begun, copied, customer_of, happening, over, person
from cocoonmail.platforms.stripe.shape import (
    Shape,
    address,
    amount,
    entries,
    metadata,
    moment,
    part,
    reference,
    subject,
    text,
    told,
)


def completed(said: Announcement, payload: Payload) -> Reading:
    """A checkout was completed; with some ways to pay the money is still on its way."""
    found = subject(payload, "checkout.session")
    unpaid = ", not paid yet" if text(found, "payment_status") == "unpaid" else ""
    return _reading(said, found, f"{{}} completed a checkout{{}}{unpaid}")


def async_payment_succeeded(said: Announcement, payload: Payload) -> Reading:
    """The delayed payment of a completed checkout arrived."""
    return _reading(said, subject(payload, "checkout.session"), "The delayed payment of {}{} arrived")


def async_payment_failed(said: Announcement, payload: Payload) -> Reading:
    """The delayed payment of a completed checkout failed."""
    return _reading(said, subject(payload, "checkout.session"), "The delayed payment of {}{} failed")


def _reading(said: Announcement, found: Shape, sentence: str) -> Reading:
    customer, who = customer_of(said, found), part(found, "customer_details")
    email = address(who, "email") or address(found, "customer_email")
    at = min(said.created, moment(found, "created") or said.created)
    change = copied(said, customer, email, name_of(who), at)
    id, rows = reference(found, "id"), entries(found, "line_items")
    facts = Facts(
        livemode=said.livemode,
        products=lines.product_ids(rows),
        prices=lines.price_ids(rows),
        metadata=metadata(part(found, "metadata")),
        amount=amount(found, "amount_total"),
        currency=money.code_of(text(found, "currency")),
    )
    what = happening(said, f"{said.type}:{id}" if id else "", _properties(said, found, customer, email))
    words = sentence.format(person(told(who, "name"), email, customer), over(found, "amount_total"))
    return Reading(change, what, facts, words)


def _properties(said: Announcement, found: Shape, customer: Customer | None, email: str) -> Properties:
    who = part(found, "customer_details")
    sheet = begun(said, found, customer, name=told(who, "name"), email=email, language=_language(found))
    sheet.text("businessName", told(who, "business_name"))
    sheet.text("customerPhone", told(who, "phone"))
    sheet.text("customerCountry", told(part(who, "address"), "country"))
    sheet.text("checkoutSessionId", reference(found, "id"))
    sheet.text("checkoutMode", text(found, "mode"))
    sheet.text("paymentStatus", text(found, "payment_status"))
    sheet.text("status", text(found, "status"))
    sheet.text("currency", sheet.currency)
    sheet.money("amountTotal", amount(found, "amount_total"))
    sheet.text("subscriptionId", reference(found, "subscription"))
    sheet.text("invoiceId", reference(found, "invoice"))
    sheet.text("paymentIntentId", reference(found, "payment_intent"))
    sheet.text("clientReferenceId", text(found, "client_reference_id"))
    lines.describe(sheet, entries(found, "line_items"))
    sheet.metadata(metadata(part(found, "metadata")))
    return sheet.finished()


def _language(found: Shape) -> str:
    """The language the checkout was shown in, where it was not left to the browser."""
    language = text(found, "locale")
    return "" if language == "auto" else language
