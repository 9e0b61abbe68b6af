"""The lines of an invoice, and what they were for: https://docs.stripe.com/api/invoice-line-item/object."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cocoonmail.contacts.changes import Scalar
from cocoonmail.platforms.stripe.shape import Shape, flag, moment, part, reference, text, whole
from cocoonmail.platforms.stripe.sheet import ROWS_MAX, Sheet, priced

# How Stripe words the line of a subscription: "2 × Pro plan (at €19.99 / month)".
_WORDING = re.compile(r"(?:[0-9]+ [×x] )?(?P<product>.+?)(?: \(at [^()]*\))?\Z")


def describe(sheet: Sheet, rows: Sequence[Shape]) -> None:
    """What was sold, for which time, and every line."""
    if not rows:
        return
    row = main_line(rows)
    description = text(row, "description")
    sheet.text("productName", product_name(row))
    sheet.text("planDescription", description)
    sheet.number("quantity", whole(row, "quantity"))
    sheet.moment("periodStart", moment(part(row, "period"), "start"))
    sheet.moment("periodEnd", moment(part(row, "period"), "end"))
    sheet.rows("lineItems", [_flat(sheet, one) for one in rows[:ROWS_MAX]])


def main_line(rows: Sequence[Shape]) -> Shape:
    """The line that says best what the invoice is for: not the settling of a change of plans, if there is another."""
    whole_ones = [row for row in rows if not _is_proration(row)]
    return (whole_ones or rows)[0]


def product_name(row: Shape) -> str:
    """The product's name: from the object where it is expanded, else from Stripe's wording of the line."""
    price, plan = part(row, "price"), part(row, "plan")
    named = text(part(price, "product"), "name") or text(part(plan, "product"), "name") or text(plan, "name")
    worded = _WORDING.match(text(row, "description"))
    return named or (worded["product"] if worded else "") or text(price, "nickname") or text(plan, "nickname")


def product_ids(rows: Sequence[Shape]) -> frozenset[str]:
    """The ids of all that was sold."""
    return frozenset(id for row in rows if (id := product_id(row)))


def price_ids(rows: Sequence[Shape]) -> frozenset[str]:
    """The ids of all prices."""
    return frozenset(id for row in rows if (id := price_id(row)))


def product_id(row: Shape) -> str:
    """The id of what was sold, from every API version's place for it."""
    details = part(row, "pricing", "price_details")
    price, plan = part(row, "price"), part(row, "plan")
    return reference(details, "product") or reference(price, "product") or reference(plan, "product")


def price_id(row: Shape) -> str:
    """The id of the price (or plan, as it once was called)."""
    details = part(row, "pricing", "price_details")
    return reference(details, "price") or reference(row, "price") or reference(row, "plan")


def unit_amount(row: Shape) -> int | None:
    """What one of an item costs, None where its price has tiers or decimals of a cent."""
    price, plan = part(row, "price"), part(row, "plan")
    return whole(price, "unit_amount") if price else whole(plan, "amount")


def _is_proration(row: Shape) -> bool:
    details = part(row, "parent", "subscription_item_details") or part(row, "parent", "invoice_item_details")
    return flag(details, "proration") or flag(row, "proration") or False


def _flat(sheet: Sheet, row: Shape) -> Mapping[str, Scalar]:
    """One line as a flat object."""
    flat: dict[str, Scalar] = {}
    if description := text(row, "description") or product_name(row):
        flat["description"] = description
    if (amount := whole(row, "amount")) is not None:
        flat |= priced("amount", amount, sheet.currency, sheet.language)
    if (quantity := whole(row, "quantity")) is not None:
        flat["quantity"] = quantity
    return flat
