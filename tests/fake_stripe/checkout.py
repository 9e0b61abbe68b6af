"""Checkout sessions, and the payment page by which Stripe's CLI plays the buyer."""

from __future__ import annotations

from typing import Any

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.payments import confirm, finish_debit, new_intent
from tests.fake_stripe.shapes import Object, token

DAY = 24 * 3600  # seconds
SESSION_PARAMETERS = frozenset(
    [
        "cancel_url",
        "client_reference_id",
        "customer",
        "customer_creation",
        "customer_email",
        "locale",
        "metadata",
        "mode",
        "payment_method_types",
        "success_url",
    ]
)


def create_session(account: Account, params: Object) -> Object:
    """POST /v1/checkout/sessions, for `mode=payment`."""
    if params.get("mode", "payment") != "payment":
        raise StripeError("This fake knows only Checkout Sessions of mode 'payment'.", param="mode")
    session = account.add("checkout.session", expires_at=account.now() + DAY)
    session |= {key: value for key, value in params.items() if key in SESSION_PARAMETERS}
    prices = [
        (account.get("price", item.get("price")), item.get("quantity", 1)) for item in params.get("line_items", [])
    ]
    total = sum(price["unit_amount"] * quantity for price, quantity in prices)
    session |= {"amount_subtotal": total, "amount_total": total}
    session["currency"] = prices[0][0]["currency"] if prices else "usd"
    session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}#{token(80)}"
    return session


def expire_session(account: Account, params: Object, id: str) -> Object:
    """POST /v1/checkout/sessions/{id}/expire."""
    session = account.get("checkout.session", id)
    session |= {"status": "expired", "url": None}
    account.emit("checkout.session.expired", session)
    return session


def get_payment_page(account: Account, params: Object, id: str) -> Object:
    """GET /v1/payment_pages/{session id}: what the buyer's browser would load. Not a public API of Stripe's."""
    session = account.get("checkout.session", id)
    return {"id": f"ppage_{id[-24:]}", "object": "checkout.session", "session_id": id, "status": session["status"]}


def confirm_payment_page(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_pages/{session id}/confirm: the buyer pays with `payment_method`."""
    session = account.get("checkout.session", id)
    method = account.get("payment_method", params.get("payment_method"))
    expected = params.get("expected_amount", session["amount_total"])
    if expected != session["amount_total"]:
        raise StripeError(f"The amount is {session['amount_total']}, not {expected}.", param="expected_amount")
    intent = new_intent(account, session["amount_total"], session["currency"], session["customer"])
    intent["payment_method_types"] = session["payment_method_types"]
    account.emit("payment_intent.created", intent)
    confirm(account, intent, method["id"])
    complete(account, session, intent, method["billing_details"])
    return session


def complete(account: Account, session: Object, intent: Object, buyer: Object) -> None:
    """The buyer is done; a bank debit's money (or its refusal) follows with an event of its own."""
    session |= {"status": "complete", "payment_intent": intent["id"], "url": None}
    session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    session["customer_details"] = buyer_details(session, buyer)
    account.emit("checkout.session.completed", session)
    if intent["status"] == "processing":
        came = finish_debit(account, intent)
        session["payment_status"] = "paid" if came else "unpaid"
        account.emit(f"checkout.session.async_payment_{'succeeded' if came else 'failed'}", session)


def buyer_details(session: Object, buyer: Object) -> dict[str, Any]:
    """Who bought, as they filled it in."""
    return {
        "address": buyer["address"],
        "business_name": None,
        "email": buyer["email"] or session["customer_email"],
        "individual_name": None,
        "name": buyer["name"],
        "phone": buyer["phone"],
        "tax_exempt": "none",
        "tax_ids": [],
    }
