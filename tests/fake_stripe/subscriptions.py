"""Subscriptions: begun, tried out, paused, changed, ended; and the invoices that they make."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import Any

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.customers import means_to_pay
from tests.fake_stripe.invoices import collect, finalize, new_invoice, pricing, set_lines
from tests.fake_stripe.shapes import Object, build, collection

DAY = 24 * 3600  # seconds
# "Occurs three days before a subscription's trial period is scheduled to end, or when a trial is ended immediately."
TRIAL_NOTICE = 3 * DAY
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
SUBSCRIPTION_PARAMETERS = frozenset(
    ["cancel_at_period_end", "collection_method", "default_payment_method", "description", "metadata", "trial_settings"]
)
PLAN_KEYS = frozenset(
    [
        "active",
        "billing_scheme",
        "created",
        "currency",
        "id",
        "livemode",
        "metadata",
        "nickname",
        "product",
        "tiers_mode",
    ]
)


def create_subscription(account: Account, params: Object) -> Object:
    """POST /v1/subscriptions. Bills at once unless there is a trial; a refused card leaves it `incomplete`."""
    customer = account.get("customer", params.get("customer"))
    subscription = new_subscription(account, customer, params)
    trial_days = params.get("trial_period_days")
    if trial_days:
        start_trial(account, subscription, trial_days)
    account.change("customer.updated", customer, currency=subscription["currency"])
    invoice = bill(account, subscription, customer, "subscription_create")
    account.emit("invoice.created", invoice)
    # The invoice is collected before the subscription is told of, so that its status is the one after payment.
    paid = first_payment(account, customer, finalize(account, invoice))
    subscription["status"] = "incomplete" if not paid else "trialing" if trial_days else "active"
    account.emit("customer.subscription.created", subscription)
    if trial_days and trial_days * DAY < TRIAL_NOTICE:
        account.emit("customer.subscription.trial_will_end", subscription)
    return subscription


def new_subscription(account: Account, customer: Object, params: Object) -> Object:
    """The subscription and its items, for a period that begins now. No event yet."""
    now = account.now()
    subscription = account.add("subscription", customer=customer["id"], billing_cycle_anchor=now, start_date=now)
    account.change(None, subscription, **{key: params[key] for key in SUBSCRIPTION_PARAMETERS if key in params})
    items = [new_item(account, subscription, given) for given in params.get("items") or []]
    if not items:
        raise StripeError("Missing required param: items.", code="parameter_missing", param="items")
    subscription["items"] = collection(items, f"/v1/subscription_items?subscription={subscription['id']}")
    subscription["currency"] = items[0]["price"]["currency"]
    return subscription


def new_item(account: Account, subscription: Object, given: Object) -> Object:
    """One price of the subscription; since 2025-03-31.basil the period stands here."""
    price = account.get("price", given.get("price"))
    start = subscription["start_date"]
    item = build("subscription_item", created=start, price=price, plan=plan_of(price), subscription=subscription["id"])
    item |= {"quantity": given.get("quantity", 1), "metadata": given.get("metadata", {})}
    item |= {"current_period_start": start, "current_period_end": after(start, price["recurring"])}
    return item


def plan_of(price: Object) -> Object:
    """The price in the older form that Stripe still sends beside it."""
    recurring = price["recurring"]
    if not recurring:
        raise StripeError(f"The price specified is set to `type=one_time`: {price['id']}", param="items")
    plan = build("plan", interval=recurring["interval"], interval_count=recurring["interval_count"])
    plan |= {key: price[key] for key in PLAN_KEYS}
    return plan | {"amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"]}


def after(start: int, recurring: Object) -> int:
    """The end of a period that begins at `start` (seconds since 1970), at the month's last day where need be."""
    count = int(recurring["interval_count"])
    days = {"day": 1, "week": 7}.get(recurring["interval"])
    if days:
        return start + days * count * DAY
    began = datetime.fromtimestamp(start, UTC)
    months = began.month - 1 + count * (12 if recurring["interval"] == "year" else 1)
    year, month = began.year + months // 12, months % 12 + 1
    day = min(began.day, calendar.monthrange(year, month)[1])
    return int(began.replace(year=year, month=month, day=day).timestamp())


def start_trial(account: Account, subscription: Object, days: int) -> None:
    """Nothing is due until the trial ends."""
    end = subscription["start_date"] + days * DAY
    subscription |= {"trial_start": subscription["start_date"], "trial_end": end, "billing_cycle_anchor": end}
    for item in subscription["items"]["data"]:
        item["current_period_end"] = end


def first_payment(account: Account, customer: Object, invoice: Object) -> bool:
    """Whether the first payment worked; nothing is due in a trial, so that there it does."""
    try:
        collect(account, invoice, means_to_pay(account, customer))
    except StripeError:
        return False
    return True


def bill(account: Account, subscription: Object, customer: Object, reason: str) -> Object:
    """A draft invoice for the current period. No event yet."""
    automatic = subscription["collection_method"] == "charge_automatically"
    invoice = new_invoice(account, customer, subscription["currency"], billing_reason=reason, auto_advance=automatic)
    invoice["collection_method"] = subscription["collection_method"]
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    invoice["parent"] = {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    set_lines(invoice, [line_of(account, subscription, item, invoice["id"]) for item in subscription["items"]["data"]])
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def line_of(account: Account, subscription: Object, item: Object, invoice_id: str) -> Object:
    """One price for one period, described as Stripe does it: quantity, product, and what one costs."""
    price, quantity = item["price"], item["quantity"]
    trial = subscription["trial_end"] is not None
    amount = 0 if trial else price["unit_amount"] * quantity
    line = build("line_item", amount=amount, subtotal=amount, currency=price["currency"], invoice=invoice_id)
    line |= {"description": description_of(account, price, quantity, trial), "metadata": subscription["metadata"]}
    line |= {"quantity": quantity, "quantity_decimal": str(quantity), "livemode": account.livemode}
    line["period"] = {"end": item["current_period_end"], "start": item["current_period_start"]}
    line["pricing"] = pricing(price, 0 if trial else price["unit_amount"])
    details = {"invoice_item": None, "proration": False, "proration_details": {"credited_items": None}}
    details |= {"subscription": subscription["id"], "subscription_item": item["id"]}
    line["parent"] |= {"subscription_item_details": details, "type": "subscription_item_details"}
    return line


def description_of(account: Account, price: Object, quantity: int, trial: bool) -> str:
    """The words of a subscription's line."""
    name = account.get("product", price["product"])["name"]
    if trial:
        return f"Trial period for {name}"
    symbol = SYMBOLS.get(price["currency"], price["currency"].upper() + " ")
    each = f"{price['unit_amount'] / 100:.2f}"
    return f"{quantity} \N{MULTIPLICATION SIGN} {name} (at {symbol}{each} / {price['recurring']['interval']})"


def update_subscription(account: Account, params: Object, id: str) -> Object:
    """POST /v1/subscriptions/{id}; `trial_end=now` ends the trial at once."""
    subscription = account.get("subscription", id)
    if params.get("trial_end") == "now":
        return end_trial(account, subscription)
    values = {key: params[key] for key in SUBSCRIPTION_PARAMETERS if key in params}
    return account.change("customer.subscription.updated", subscription, **values)


def end_trial(account: Account, subscription: Object) -> Object:
    """Bill from now on; or pause, where that was asked for and there is nothing to pay with."""
    now = account.now()
    account.change(None, subscription, trial_end=now, billing_cycle_anchor=now)
    account.emit("customer.subscription.trial_will_end", subscription)
    customer = account.get("customer", subscription["customer"])
    missing = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if means_to_pay(account, customer) is None and missing == "pause":
        return pause(account, subscription)
    return account.change("customer.subscription.updated", subscription, status="active")


def pause(account: Account, subscription: Object) -> Object:
    """The subscription waits for a means to pay. Its event carries no `previous_attributes`."""
    reason = {"subscription": {"type": "trial_end_without_payment_method"}, "transitioned_at": account.now()}
    account.change(None, subscription, status="paused", status_details={"paused": reason | {"type": "subscription"}})
    account.emit("customer.subscription.paused", subscription)
    return subscription


def resume_subscription(account: Account, params: Object, id: str) -> Object:
    """POST /v1/subscriptions/{id}/resume."""
    subscription = account.get("subscription", id)
    if subscription["status"] != "paused":
        raise StripeError("Only paused subscriptions can be resumed.")
    subscription |= {"status": "active", "status_details": None}
    account.emit("customer.subscription.resumed", subscription)
    return subscription


def cancel_subscription(account: Account, params: Object, id: str) -> Object:
    """DELETE /v1/subscriptions/{id}: ends now. Stripe calls the event `deleted`, the status `canceled`."""
    now = account.now()
    subscription = account.get("subscription", id)
    values: dict[str, Any] = {"status": "canceled", "canceled_at": now, "ended_at": now}
    account.change(None, subscription, cancellation_details={"reason": "cancellation_requested"}, **values)
    account.emit("customer.subscription.deleted", subscription)
    return subscription
