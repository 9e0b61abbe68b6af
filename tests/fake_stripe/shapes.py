"""Stripe's objects as its newest API version prints them: every key, with the value that it has when nothing is set.

The keys are those of https://docs.stripe.com/api in version 2026-10-28.endive; what Stripe leaves out of event bodies
unless it is expanded or set (an invoice's `payments`, a customer's `business_name`) is left out here as well.
"""

from __future__ import annotations

import json
import secrets
import string
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

API_VERSION = "2026-10-28.endive"
ACCOUNT_ID = "acct_1FakeAcmeTestMode0"

SHAPES: dict[str, Object] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((Path(__file__).parent / "shapes").glob("*.json"))
}

# What Stripe's ids start with, and how many letters and digits follow.
ID_FORMS: dict[str, tuple[str, int]] = {
    "card": ("card_1", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_a1", 56),
    "coupon": ("", 8),
    "customer": ("cus_", 14),
    "dispute": ("du_1", 23),
    "event": ("evt_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "line_item": ("il_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "plan": ("plan_", 14),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "quote": ("qt_1", 23),
    "refund": ("re_3", 23),
    "request": ("req_", 14),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "tax_rate": ("txr_1", 23),
    "webhook_endpoint": ("we_1", 23),
}

BASE62 = string.ascii_letters + string.digits


def build(kind: str, **values: Any) -> Object:
    """A new object of `kind` (Stripe's own name, such as "invoice") with a fresh id. Only its own keys may be set."""
    made = deepcopy(SHAPES[kind])
    unknown = values.keys() - made.keys()
    assert not unknown, f"{kind} has no {unknown}"
    made["id"] = new_id(kind)
    made.update(values)
    return made


def new_id(kind: str) -> str:
    """An id in Stripe's form for this kind, unique over all fakes, as several may write into one database."""
    prefix, length = ID_FORMS[kind]
    return prefix + token(length)


def token(length: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def collection(items: list[Object], url: str) -> Object:
    """A list within an object, as of an invoice's lines, complete on its first page."""
    return {"object": "list", "data": items, "has_more": False, "total_count": len(items), "url": url}


def difference(before: Object, after: Object) -> Object:
    """The old values of the keys that changed: what Stripe sends as `previous_attributes`.

    Objects are compared key by key, so a new metadata key shows as `{"metadata": {"plan": null}}`; lists go whole.
    """
    old: Object = {}
    for key in after:
        was, is_now = before.get(key), after[key]
        if was == is_now:
            continue
        old[key] = difference(was, is_now) if isinstance(was, dict) and isinstance(is_now, dict) else was
    return old | {key: before[key] for key in before.keys() - after.keys()}
