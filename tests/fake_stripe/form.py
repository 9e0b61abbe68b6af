"""Read the form encoding of Stripe's API: `items[0][price]=price_1` becomes `{"items": [{"price": "price_1"}]}`."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from tests.fake_stripe.shapes import Object

INTEGERS = frozenset(
    [
        "amount",
        "amount_off",
        "balance",
        "days_until_due",
        "duration_in_months",
        "expected_amount",
        "interval_count",
        "limit",
        "max_redemptions",
        "next_invoice_sequence",
        "quantity",
        "trial_period_days",
        "unit_amount",
    ]
)
BOOLEANS = frozenset(
    [
        "active",
        "auto_advance",
        "cancel_at_period_end",
        "confirm",
        "delivery_success",
        "enabled",
        "for_stripecli",
        "inclusive",
        "invoice_now",
        "off_session",
        "paid_out_of_band",
        "prorate",
    ]
)
WORDS = {"true": True, "false": False}

# Stripe's own limits are unpublished; these keep a typing error from eating the memory.
MAX_FIELDS = 1_000
MAX_DEPTH = 10


class ParameterError(Exception):
    """A parameter cannot be read. Its two arguments are the message and the parameter's name."""


def decode(body: str) -> Object:
    """Nested parameters from a form-encoded body or query, with numbers and truth values where Stripe has them."""
    tree: Object = {}
    for name, value in parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS):
        plant(tree, path_of(name), value)
    typed: Object = typed_values(listed(tree))
    return typed


def path_of(name: str) -> list[str]:
    """`items[0][price]` as its parts; `expand[]` ends in an empty one."""
    head, *rest = name.split("[")
    if len(rest) > MAX_DEPTH or not all(part.endswith("]") for part in rest):
        raise ParameterError(f"Invalid parameter name: {name}", name)
    return [head, *(part[:-1] for part in rest)]


def plant(tree: Object, path: list[str], value: str) -> None:
    """Put the value at its place, making the branches on the way."""
    for part in path[:-1]:
        branch = tree.setdefault(part, {})
        if not isinstance(branch, dict):
            raise ParameterError(f"Invalid object: {part}", part)
        tree = branch
    tree[path[-1] or str(len(tree))] = value


def listed(tree: Any) -> Any:
    """Objects whose keys are all numbers become lists."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdecimal() for key in tree):
        return [listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: listed(value) for key, value in tree.items()}


def typed_values(value: Any, name: str = "") -> Any:
    """Numbers and truth values by their parameter's name. An empty text unsets, which JSON says as null.

    Metadata stays text, whatever its keys are called.
    """
    if name == "metadata":
        return value
    if isinstance(value, dict):
        return {key: typed_values(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [typed_values(part, name) for part in value]
    return typed_value(value, name)


def typed_value(value: str, name: str) -> str | int | bool | None:
    """One value of a form."""
    if value == "":
        return None
    if name in BOOLEANS and value in WORDS:
        return WORDS[value]
    if name in INTEGERS:
        try:
            return int(value)
        except ValueError:
            raise ParameterError(f"Invalid integer: {value}", name) from None
    return value
