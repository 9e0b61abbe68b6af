"""Quotes: drafted, finalised, then accepted or cancelled."""

from __future__ import annotations

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.shapes import Object, new_id
from tests.fake_stripe.subscriptions import DAY, bill, new_subscription

VALID_FOR = 30 * DAY  # seconds


def create_quote(account: Account, params: Object) -> Object:
    """POST /v1/quotes for a customer and `line_items` of price and quantity."""
    customer = account.get("customer", params.get("customer"))
    items = params.get("line_items") or []
    prices = [(account.get("price", item.get("price")), item.get("quantity", 1)) for item in items]
    total = sum(price["unit_amount"] * quantity for price, quantity in prices)
    quote = account.add("quote", amount_subtotal=total, amount_total=total, customer=customer["id"])
    quote |= {"description": params.get("description"), "expires_at": account.now() + VALID_FOR}
    quote |= {"metadata": params.get("metadata", {}), "currency": prices[0][0]["currency"] if prices else "usd"}
    account.objects.setdefault("quote_lines", {})[quote["id"]] = {"items": items}
    account.emit("quote.created", quote)
    return quote


def finalize_quote(account: Account, params: Object, id: str) -> Object:
    """POST /v1/quotes/{id}/finalize: from now on it can be accepted."""
    quote = account.get("quote", id)
    quote["number"] = f"QT-{new_id('customer')[-8:].upper()}-0001-1"
    return move(account, quote, ("draft",), "open", "finalized")


def accept_quote(account: Account, params: Object, id: str) -> Object:
    """POST /v1/quotes/{id}/accept: the quote becomes a subscription whose first invoice is a draft."""
    quote = account.get("quote", id)
    customer = account.get("customer", quote["customer"])
    if quote["status"] == "open":
        account.change("customer.updated", customer, currency=quote["currency"])
        subscription = new_subscription(account, customer, account.objects["quote_lines"][id])
        invoice = bill(account, subscription, customer, "subscription_create")
        account.emit("invoice.created", invoice)
        account.emit("customer.subscription.created", subscription)
        quote["subscription"] = subscription["id"]
    return move(account, quote, ("open",), "accepted", "accepted")


def cancel_quote(account: Account, params: Object, id: str) -> Object:
    """POST /v1/quotes/{id}/cancel, until it is accepted."""
    return move(account, account.get("quote", id), ("draft", "open"), "canceled", "canceled")


def move(account: Account, quote: Object, allowed: tuple[str, ...], status: str, step: str) -> Object:
    """Put the quote into its next status and tell of it as `quote.<step>`."""
    if quote["status"] not in allowed:
        raise StripeError(f"This quote's status is {quote['status']}; it cannot become {status}.")
    quote["status"] = status
    quote["status_transitions"][f"{step}_at"] = account.now()
    account.emit(f"quote.{step}", quote)
    return quote
