"""The gallery: emails that are ready to be sent, each with the trigger it is made for. TEMPLATES is the whole list.

A template prints nothing without a fallback, so that it fits every event of its kind, however little it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocoonmail.emails.content import Draft, Format, Kind

__all__ = ["BY_KEY", "TEMPLATES", "Template"]

_HERE = Path(__file__).parent
_HEAD = "<!-- head -->\n"


@dataclass(frozen=True, slots=True)
class Template:
    """One email of the gallery, and the loop it makes.

    `suggested_event` is the event name that the loop's trigger proposes and `help` how to have it sent; `sample` are
    facts, as `render` takes them, for the preview.
    """

    key: str
    title: str
    about: str
    suggested_event: str
    help: str
    draft: Draft
    sample: Mapping[str, Any]


def _body(name: str) -> str:
    """The MJML of a template, a whole document: the head they share is put where the file names it."""
    head = (_HERE / "head.mjml").read_text(encoding="utf-8")
    return (_HERE / f"{name}.mjml").read_text(encoding="utf-8").replace(_HEAD, head)


def _sample(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "contact": {"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace", "userGroup": "Customers"},
        "event": event,
        "workspace": {"name": "Acme", "address": "1 Main Street, 0150 Oslo, Norway"},
        "unsubscribe_url": "https://example.com/unsubscribe",
    }


_INVOICE = {
    "customerName": "Ada Lovelace",
    "currency": "EUR",
    "invoiceNumber": "ACME-0042",
    "invoiceUrl": "https://invoice.stripe.com/i/example",
    "invoicePdf": "https://pay.stripe.com/invoice/example/pdf",
    "periodStartDisplay": "1 November 2026",
    "periodEndDisplay": "1 December 2026",
    "productName": "Acme Pro",
    "planDescription": "1 × Acme Pro (at €19.00 / month)",
}

_NEW_CUSTOMER = Template(
    key="stripe-new-customer",
    title="Stripe - New Customer",
    about="Welcomes everyone who becomes a customer in Stripe.",
    suggested_event="newStripeCustomer",
    help="On the Stripe page, check customer.created and let it trigger this event.",
    draft=Draft(
        subject="Welcome{% if workspace.name %} to {{ workspace.name }}{% endif %}"
        "{% if contact.firstName %}, {{ contact.firstName }}{% endif %}",
        preview="Three things that make the first days easier.",
        body=_body("new_customer"),
        format=Format.MJML,
        kind=Kind.MARKETING,
    ),
    sample=_sample({"customerName": "Ada Lovelace"}),
)

_PAYMENT_SUCCESSFUL = Template(
    key="stripe-payment-successful",
    title="Stripe - Payment Successful",
    about="Confirms a payment: the amount, what it was for, and the invoice.",
    suggested_event="successfulPayment",
    help="On the Stripe page, check invoice.paid and let it trigger this event.",
    draft=Draft(
        subject="{% if event.amountPaid == 0 %}Your invoice{% if event.invoiceNumber %} {{ event.invoiceNumber }}"
        "{% endif %}: nothing to pay{% else %}We received your payment{% if event.amountPaidDisplay %} of "
        "{{ event.amountPaidDisplay }}{% endif %}{% endif %}",
        preview="{% if event.amountPaid == 0 %}No payment was taken.{% else %}Thank you.{% endif %}"
        "{% if event.invoiceNumber %} Invoice {{ event.invoiceNumber }}.{% endif %}",
        body=_body("payment_successful"),
        format=Format.MJML,
        kind=Kind.TRANSACTIONAL,
    ),
    sample=_sample(
        {
            **_INVOICE,
            "amountPaid": 2400,
            "amountPaidDisplay": "€24.00",
            "lineItems": [
                {"description": "1 × Acme Pro (at €19.00 / month)", "amountDisplay": "€19.00", "quantity": 1},
                {"description": "Extra seats", "amountDisplay": "€5.00", "quantity": 2},
            ],
        }
    ),
)

_PAYMENT_FAILED = Template(
    key="stripe-payment-failed",
    title="Stripe - Payment Failed",
    about="Tells a customer that a payment failed, when it is tried again, and where to pay.",
    suggested_event="failedPayment",
    help="On the Stripe page, check invoice.payment_failed and let it trigger this event.",
    draft=Draft(
        subject="Your payment{% if event.amountDueDisplay %} of {{ event.amountDueDisplay }}{% endif %}"
        "{% if workspace.name %} to {{ workspace.name }}{% endif %} did not go through",
        preview="{% if event.nextPaymentAttemptDisplay %}We will try again on {{ event.nextPaymentAttemptDisplay }}."
        "{% elsif event.nextPaymentAttempt %}We will try again in a few days."
        "{% else %}We will not try again by ourselves.{% endif %}",
        body=_body("payment_failed"),
        format=Format.MJML,
        kind=Kind.TRANSACTIONAL,
    ),
    sample=_sample(
        {
            **_INVOICE,
            "amountDue": 2400,
            "amountDueDisplay": "€24.00",
            "attemptCount": 2,
            "nextPaymentAttempt": "2026-12-03T09:00:00Z",
            "nextPaymentAttemptDisplay": "3 December 2026",
        }
    ),
)

TEMPLATES: tuple[Template, ...] = (_NEW_CUSTOMER, _PAYMENT_SUCCESSFUL, _PAYMENT_FAILED)
BY_KEY: Mapping[str, Template] = {template.key: template for template in TEMPLATES}
