"""Sample events in the shape of the newest API version, for "Send a test event", `cocoonmail trigger` and tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

API_VERSION = "2026-10-28.endive"
DAY = 86_400  # Seconds
MONTH = 30 * DAY
CURRENCY, AMOUNT = "eur", 1999
PLAN = "Pro plan"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def sample(event_type: str, *, email: str | None, name: str, now: int, livemode: bool = False, token: str) -> Json:
    """An event of a type in SAMPLES that happens `now` (seconds since 1970) to one person.

    `token` makes its ids unique. The customer's id comes from the email alone, so that several samples for one
    address are about one customer. Raises KeyError for other types.
    """
    scene = Scene(email, name, now, livemode, token)
    made, previous = SAMPLES[event_type](scene)
    data: Json = {"object": made} if previous is None else {"object": made, "previous_attributes": previous}
    return {
        "id": scene.new("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": scene.new("req"), "idempotency_key": None},
        "type": event_type,
    }


def body(event: Json) -> bytes:
    """The event's bytes as Stripe writes them: indented by two, raw UTF-8, empty lists over three lines."""
    return json.dumps(event, indent=2, ensure_ascii=False).replace("[]", "[\n\n]").encode()


@dataclass(frozen=True, slots=True)
class Scene:
    """Who a sample is about and when it happens."""

    email: str | None
    name: str
    now: int
    livemode: bool
    token: str

    @property
    def customer(self) -> str:
        """The customer's id: the same for the same address."""
        return f"cus_{_letters(f'customer {(self.email or self.token).strip().lower()}', 14)}"

    @property
    def subscription(self) -> str:
        """The id of the customer's subscription: the same for the same address."""
        return f"sub_1{_letters(f'subscription {self.customer}', 23)}"

    def new(self, prefix: str) -> str:
        """An id that only this sample has."""
        return f"{prefix}_1{_letters(f'{prefix} {self.token}', 23)}"


def _letters(seed: str, length: int) -> str:
    digest = sha256(seed.encode("utf-8", "surrogatepass")).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)[:length]


Made: TypeAlias = tuple[Json, Json | None]


def _customer(scene: Scene) -> Json:
    return {
        "id": scene.customer,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": scene.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": scene.email,
        "invoice_prefix": _letters(f"prefix {scene.customer}", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": scene.livemode,
        "metadata": {"source": "sample"},
        "name": scene.name or None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _customer_created(scene: Scene) -> Made:
    return _customer(scene), None


def _customer_updated(scene: Scene) -> Made:
    later = _customer(scene) | {"created": scene.now - DAY, "phone": "+4722000000"}
    return later, {"phone": None}


def _line(scene: Scene) -> Json:
    return {
        "id": scene.new("il"),
        "object": "line_item",
        "amount": AMOUNT,
        "currency": CURRENCY,
        "description": f"1 × {PLAN} (at €19.99 / month)",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": scene.new("in"),
        "livemode": scene.livemode,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": scene.subscription,
                "subscription_item": f"si_{_letters(f'item {scene.customer}', 14)}",
            },
            "type": "subscription_item_details",
        },
        "period": {"end": scene.now + MONTH, "start": scene.now},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": "price_1SampleProMonthly000001", "product": "prod_SamplePro00001"},
            "type": "price_details",
            "unit_amount_decimal": str(AMOUNT),
        },
        "quantity": 1,
        "subtotal": AMOUNT,
        "taxes": [],
    }


def _invoice(scene: Scene) -> Json:
    return _invoice_head(scene) | _invoice_amounts(scene) | _invoice_links(scene)


def _invoice_head(scene: Scene) -> Json:
    return {
        "id": scene.new("in"),
        "object": "invoice",
        "account_country": "NO",
        "account_name": "Sample AS",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": scene.now - 3600,
        "customer": scene.customer,
        "customer_account": None,
        "customer_address": None,
        "customer_email": scene.email,
        "customer_name": scene.name or None,
        "customer_phone": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "description": None,
        "due_date": None,
        "footer": None,
        "livemode": scene.livemode,
        "metadata": {},
        "number": f"SAMPLE-{_letters(f'number {scene.token}', 4).upper()}",
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": scene.subscription},
            "type": "subscription_details",
        },
        "status_transitions": {
            "finalized_at": scene.now - 60,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": None,
    }


def _invoice_amounts(scene: Scene) -> Json:
    return {
        "amount_due": AMOUNT,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": AMOUNT,
        "amount_shipping": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": True,
        "currency": CURRENCY,
        "ending_balance": 0,
        "lines": {
            "object": "list",
            "data": [_line(scene)],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/invoices/{scene.new('in')}/lines",
        },
        "next_payment_attempt": None,
        "period_end": scene.now,
        "period_start": scene.now - MONTH,
        "starting_balance": 0,
        "status": "open",
        "subtotal": AMOUNT,
        "total": AMOUNT,
        "total_discount_amounts": [],
        "total_taxes": [],
    }


def _invoice_links(scene: Scene) -> Json:
    mode = "live" if scene.livemode else "test"
    path = f"acct_1SampleSampleSampl/{mode}_{_letters(f'link {scene.token}', 24)}"
    return {
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{path}?s=ap",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{path}/pdf?s=ap",
    }


def _invoice_paid(scene: Scene) -> Made:
    invoice = _invoice(scene) | {"amount_paid": AMOUNT, "amount_remaining": 0, "auto_advance": False, "status": "paid"}
    invoice["status_transitions"] |= {"paid_at": scene.now}
    return invoice, None


def _invoice_payment_failed(scene: Scene) -> Made:
    return _invoice(scene) | {"next_payment_attempt": scene.now + 3 * DAY}, None


SAMPLES: Mapping[str, Callable[[Scene], Made]] = {
    "customer.created": _customer_created,
    "customer.updated": _customer_updated,
    "invoice.paid": _invoice_paid,
    "invoice.payment_failed": _invoice_payment_failed,
}
