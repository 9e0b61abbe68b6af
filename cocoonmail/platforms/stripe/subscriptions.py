"""customer.subscription.*: https://docs.stripe.com/api/subscriptions/object.

Before API version 2025-03-31.basil the period stood in the subscription, since then it stands in its items; before
2018 there was one `plan` and no items (https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end).
"""

from __future__ import annotations

from cocoonmail.contacts.changes import Customer, Facts, Properties, Reading
from cocoonmail.platforms.base import Announcement, Payload
from cocoonmail.platforms.stripe import lines, money
from cocoonmail.platforms.stripe.reading import begun, customer_of, happening, literal, only_mentioned, person
from cocoonmail.platforms.stripe.shape import (
    EMPTY,
    Shape,
    before,
    entries,
    flag,
    metadata,
    moment,
    part,
    reference,
    subject,
    text,
    whole,
)
from cocoonmail.platforms.stripe.sheet import Sheet

# What people care about in a change. Not among them: latest_invoice, pending_setup_intent, default_payment_method,
# schedule, and the period, which moves on with every renewal.
OF_INTEREST = frozenset(
    "cancel_at cancel_at_period_end canceled_at collection_method customer description discount discounts ended_at "
    "metadata pause_collection plan quantity status trial_end trial_start".split()
)


def created(said: Announcement, payload: Payload) -> Reading:
    """A subscription began; it can still be incomplete, until its first payment."""
    return _reading(said, subject(payload, "subscription"), "{} subscribed to {}")


def updated(said: Announcement, payload: Payload) -> Reading:
    """Something about a subscription changed."""
    found, old = subject(payload, "subscription"), before(payload)
    noise = old is not None and not OF_INTEREST & old.keys() and not _items_differ(found, old)
    status, was = text(found, "status"), text(old or EMPTY, "status")
    turn = f": it was {was} and is {status}" if was and was != status else ""
    return _reading(said, found, f"The subscription of {{}} to {{}} changed{literal(turn)}", old or EMPTY, noise)


def paused(said: Announcement, payload: Payload) -> Reading:
    """A subscription's status became paused. Paused collection of payments is another matter and does not count."""
    return _reading(said, subject(payload, "subscription"), "The subscription of {} to {} was paused")


def resumed(said: Announcement, payload: Payload) -> Reading:
    """A paused subscription goes on."""
    return _reading(said, subject(payload, "subscription"), "The subscription of {} to {} was resumed")


def trial_will_end(said: Announcement, payload: Payload) -> Reading:
    """A trial ends in three days, or at once if it was made to."""
    return _reading(said, subject(payload, "subscription"), "The trial of {} ({}) ends soon")


def deleted(said: Announcement, payload: Payload) -> Reading:
    """A subscription ended."""
    return _reading(said, subject(payload, "subscription"), "The subscription of {} to {} ended")


def _items_differ(found: Shape, old: Shape) -> bool:
    """Whether other prices or quantities are subscribed to. A renewal lists the items too, for their new period."""
    return "items" in old and _sold(found) != _sold(old)


def _sold(shape: Shape) -> list[tuple[str, int | None]]:
    return sorted((lines.price_id(row), whole(row, "quantity")) for row in entries(shape, "items"))


def _reading(said: Announcement, found: Shape, sentence: str, old: Shape = EMPTY, noise: bool = False) -> Reading:
    customer, rows = customer_of(said, found), _rows(found)
    facts = Facts(
        livemode=said.livemode,
        products=lines.product_ids(rows),
        prices=lines.price_ids(rows),
        metadata=metadata(part(found, "metadata")),
        amount=_amount(rows),
        currency=money.code_of(_currency(found, rows)),
    )
    properties = _properties(said, found, rows, customer, old)
    plan = properties.get("productName") or "a plan"
    understood = sentence.format(person("", "", customer), plan)
    return Reading(only_mentioned(said, customer), happening(said, "", properties, noise), facts, understood)


def _rows(found: Shape) -> list[Shape]:
    """The items, or in old API versions the subscription itself, which then held the only plan."""
    return entries(found, "items") or ([found] if part(found, "plan") else [])


def _price(row: Shape) -> Shape:
    """The item's price, or plan, as it once was called."""
    return part(row, "price") or part(row, "plan")


def _currency(found: Shape, rows: list[Shape]) -> str:
    return text(found, "currency") or (text(_price(rows[0]), "currency") if rows else "")


def _amount(rows: list[Shape]) -> int | None:
    """What the subscription costs each time, None where a price is not a fixed one."""
    units = [(lines.unit_amount(row), whole(row, "quantity")) for row in rows]
    if not units or any(unit is None for unit, _ in units):
        return None
    return sum((unit or 0) * (1 if quantity is None else quantity) for unit, quantity in units)


def _properties(
    said: Announcement, found: Shape, rows: list[Shape], customer: Customer | None, old: Shape
) -> Properties:
    sheet = begun(said, found, customer, currency=_currency(found, rows))
    sheet.text("subscriptionId", reference(found, "id"))
    sheet.text("status", text(found, "status"))
    sheet.text("previousStatus", text(old, "status"))
    sheet.text("currency", sheet.currency)
    sheet.text("collectionMethod", text(found, "collection_method"))
    _about_plan(sheet, found, rows)
    _about_time(sheet, found, rows)
    sheet.metadata(metadata(part(found, "metadata")))
    return sheet.finished()


def _about_plan(sheet: Sheet, found: Shape, rows: list[Shape]) -> None:
    sheet.money("planAmount", _amount(rows))
    if not rows:
        return
    price = _price(rows[0])
    sheet.text("productName", lines.product_name(rows[0]))
    sheet.text("planDescription", text(found, "description") or text(price, "nickname"))
    sheet.text("planInterval", text(part(price, "recurring"), "interval") or text(price, "interval"))
    sheet.number("planIntervalCount", _interval_count(price))
    sheet.number("quantity", whole(rows[0], "quantity"))


def _interval_count(price: Shape) -> int | None:
    count = whole(part(price, "recurring"), "interval_count")
    return whole(price, "interval_count") if count is None else count


def _about_time(sheet: Sheet, found: Shape, rows: list[Shape]) -> None:
    start, end = _period(found, rows, "start"), _period(found, rows, "end")
    sheet.moment("periodStart", start)
    sheet.moment("periodEnd", end)
    sheet.moment("trialStart", moment(found, "trial_start"))
    sheet.moment("trialEnd", moment(found, "trial_end"))
    sheet.flag("cancelAtPeriodEnd", flag(found, "cancel_at_period_end"))
    sheet.moment("canceledAt", moment(found, "canceled_at"))
    sheet.moment("endsAt", _ends_at(found, end))
    sheet.text("cancellationReason", text(part(found, "cancellation_details"), "reason"))
    sheet.text("cancellationFeedback", text(part(found, "cancellation_details"), "feedback"))
    sheet.moment("pausedUntil", moment(part(found, "pause_collection"), "resumes_at"))


def _period(found: Shape, rows: list[Shape], side: str) -> int | None:
    key = f"current_period_{side}"
    return moment(found, key) or (moment(rows[0], key) if rows else None)


def _ends_at(found: Shape, period_end: int | None) -> int | None:
    """When the subscription ended or will end, as far as that is settled."""
    settled = moment(found, "ended_at") or moment(found, "cancel_at")
    return settled or (period_end if flag(found, "cancel_at_period_end") else None)
