"""Payment intents, the charges that they make, and what comes after: refunds and disputes."""

from __future__ import annotations

from typing import Any

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.customers import balance_transaction, payment_method, secret_for
from tests.fake_stripe.shapes import ACCOUNT_ID, Object, collection, token

DECLINED = frozenset(["chargeCustomerFail", "chargeDeclined", "visa_chargeDeclined"])
NEEDS_ACTION = frozenset(["authenticationRequired", "threeDSecure2Required"])
DEBITS = frozenset(["debitFails", "debitSucceeds"])
DISPUTED = {"createDispute": "needs_response", "createDisputeInquiry": "warning_needs_response"}
CLOSED = {"needs_response": "lost", "warning_needs_response": "warning_closed"}
EVIDENCE_DUE = 9 * 24 * 3600  # seconds

APPROVED: Object = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 12,
    "seller_message": "Payment complete.",
    "type": "authorized",
}
REFUSED = APPROVED | {
    "advice_code": "try_again_later",
    "network_advice_code": "03",
    "network_decline_code": "05",
    "network_status": "declined_by_network",
    "reason": "generic_decline",
    "seller_message": "The bank did not return any further details with this decline.",
    "type": "issuer_declined",
}


def create_payment_intent(account: Account, params: Object) -> Object:
    """POST /v1/payment_intents, paid at once with `confirm=true`. A refused card answers 402 after its events."""
    intent = new_intent(account, int(params["amount"]), params.get("currency", "usd"), params.get("customer"))
    for key in ("capture_method", "confirmation_method", "payment_method_types", "receipt_email", "shipping"):
        intent[key] = params.get(key, intent[key])
    intent |= {"description": params.get("description"), "metadata": params.get("metadata", {})}
    account.emit("payment_intent.created", intent)
    return confirm(account, intent, params.get("payment_method")) if params.get("confirm") else intent


def confirm_payment_intent(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_intents/{id}/confirm."""
    return confirm(account, account.get("payment_intent", id), params.get("payment_method"))


def capture_payment_intent(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_intents/{id}/capture, for those made with `capture_method=manual`."""
    intent = account.get("payment_intent", id)
    charge = account.get("charge", intent["latest_charge"])
    charge |= {"captured": True, "amount_captured": intent["amount"], "balance_transaction": balance_transaction()}
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "amount_capturable": 0}
    account.emit("charge.captured", charge)
    account.emit("payment_intent.succeeded", intent)
    return intent


def cancel_payment_intent(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_intents/{id}/cancel."""
    intent = account.get("payment_intent", id)
    intent |= {"status": "canceled", "canceled_at": account.now()}
    intent["cancellation_reason"] = params.get("cancellation_reason")
    account.emit("payment_intent.canceled", intent)
    return intent


def new_intent(account: Account, amount: int, currency: str, customer: str | None) -> Object:
    """A payment intent of `amount` in the currency's smallest unit. No event yet."""
    intent = account.add("payment_intent", amount=amount, currency=currency, customer=customer)
    intent["client_secret"] = secret_for(intent["id"])
    return intent


def confirm(account: Account, intent: Object, method_id: Any) -> Object:
    """Pay with this payment method, and answer as its test token foresees."""
    if not method_id:
        raise StripeError("You cannot confirm this PaymentIntent because it's missing a payment method.")
    if str(method_id).startswith("card_"):
        method = account.get("card", method_id)
    else:
        method = payment_method(account, method_id)
    behaviour = account.behaviours[method["id"]]
    intent["payment_method"] = method["id"]
    if behaviour in NEEDS_ACTION:
        return require_action(account, intent)
    if behaviour in DEBITS:
        return start_debit(account, intent)
    charge = make_charge(account, intent, method)
    if behaviour in DECLINED:
        decline(account, intent, charge)
    return succeed(account, intent, charge, behaviour)


def require_action(account: Account, intent: Object) -> Object:
    """The bank wants to see the card's owner first (3-D Secure)."""
    intent["status"] = "requires_action"
    intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    account.emit("payment_intent.requires_action", intent)
    return intent


def start_debit(account: Account, intent: Object) -> Object:
    """A bank debit is known to have worked only days later."""
    intent["status"] = "processing"
    account.emit("payment_intent.processing", intent)
    return intent


def finish_debit(account: Account, intent: Object) -> bool:
    """What the bank says days later, at once. True if the money came."""
    method = account.get("payment_method", intent["payment_method"])
    charge = make_charge(account, intent, method)
    if account.behaviours[method["id"]] == "debitSucceeds":
        succeed(account, intent, charge, "debitSucceeds")
        return True
    refuse(account, intent, charge)
    return False


def succeed(account: Account, intent: Object, charge: Object, behaviour: str) -> Object:
    """The money came, or is reserved where capture is by hand."""
    by_hand = intent["capture_method"] == "manual"
    intent |= {"status": "requires_capture" if by_hand else "succeeded", "latest_charge": charge["id"]}
    intent["amount_capturable" if by_hand else "amount_received"] = intent["amount"]
    charge |= {"captured": not by_hand, "amount_captured": 0 if by_hand else intent["amount"]}
    account.emit("charge.succeeded", charge)
    account.emit("payment_intent.amount_capturable_updated" if by_hand else "payment_intent.succeeded", intent)
    if behaviour in DISPUTED:
        open_dispute(account, charge, DISPUTED[behaviour])
    return intent


def decline(account: Account, intent: Object, charge: Object) -> None:
    """Tell the refusal by events, then by Stripe's 402."""
    error = refuse(account, intent, charge)
    raise StripeError(error.pop("message"), status=402, **error, payment_intent=dict(intent))


def refuse(account: Account, intent: Object, charge: Object) -> Object:
    """The charge failed. Gives the error as it stands in `last_payment_error`."""
    error: Object = {
        "charge": charge["id"],
        "code": "card_declined",
        "decline_code": "generic_decline",
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card was declined.",
        "type": "card_error",
    }
    charge |= {"paid": False, "captured": False, "amount_captured": 0, "status": "failed", "outcome": dict(REFUSED)}
    charge |= {"failure_code": error["code"], "failure_message": error["message"], "balance_transaction": None}
    intent |= {"status": "requires_payment_method", "latest_charge": charge["id"], "payment_method": None}
    intent["last_payment_error"] = dict(error)
    account.emit("charge.failed", charge)
    account.emit("payment_intent.payment_failed", intent)
    return error


def make_charge(account: Account, intent: Object, method: Object) -> Object:
    """The movement of money that the intent asks for, as if it worked. No event yet."""
    charge = account.add("charge", amount=intent["amount"], amount_captured=intent["amount"])
    for key in ("currency", "customer", "description", "receipt_email", "shipping"):
        charge[key] = intent[key]
    charge |= {"payment_intent": intent["id"], "payment_method": method["id"], "outcome": dict(APPROVED)}
    charge["billing_details"] = method.get("billing_details", charge["billing_details"])
    charge["payment_method_details"] = payment_method_details(method)
    charge["balance_transaction"] = balance_transaction()
    charge["receipt_url"] = f"https://pay.stripe.com/receipts/payment/{token(60)}"
    return charge


def payment_method_details(method: Object) -> Object:
    """What of the payment method a charge repeats."""
    kind = method.get("type", "card")
    details = method.get(kind, {})
    kept = {
        key: details[key] for key in ("brand", "country", "exp_month", "exp_year", "funding", "last4") if key in details
    }
    return {kind: kept, "type": kind}


def create_refund(account: Account, params: Object) -> Object:
    """POST /v1/refunds for `charge` or `payment_intent`; in full unless `amount` says less."""
    charge = charge_to_refund(account, params)
    amount = params.get("amount", charge["amount"] - charge["amount_refunded"])
    refund = account.add("refund", amount=amount, charge=charge["id"], reason=params.get("reason"))
    for key in ("currency", "customer", "payment_intent", "payment_method"):
        refund[key] = charge[key]
    refund |= {"balance_transaction": balance_transaction(), "metadata": params.get("metadata", {})}
    refunded = charge["amount_refunded"] + amount
    account.emit("refund.created", refund)
    account.change("charge.refunded", charge, amount_refunded=refunded, refunded=refunded == charge["amount"])
    return refund


def charge_to_refund(account: Account, params: Object) -> Object:
    """The charge that a refund names, directly or through its payment intent."""
    if "charge" in params:
        return account.get("charge", params["charge"])
    return account.get("charge", account.get("payment_intent", params.get("payment_intent"))["latest_charge"])


def update_refund(account: Account, params: Object, id: str) -> Object:
    """POST /v1/refunds/{id}."""
    refund = account.get("refund", id)
    account.change("refund.updated", refund, metadata=params.get("metadata", {}))
    account.emit("charge.refund.updated", refund)
    return refund


def open_dispute(account: Account, charge: Object, status: str) -> Object:
    """The card's owner asks their bank to have the money back. Stripe puts no customer into a dispute."""
    dispute = account.add("dispute", amount=charge["amount"], charge=charge["id"], status=status)
    dispute |= {"currency": charge["currency"], "payment_intent": charge["payment_intent"]}
    dispute["evidence_details"]["due_by"] = account.now() + EVIDENCE_DUE
    charge |= {"disputed": True, "dispute": dispute["id"]}
    account.emit("charge.dispute.created", dispute)
    return dispute


def list_disputes(account: Account, params: Object) -> Object:
    """GET /v1/disputes, newest first, of one `payment_intent` or `charge` where asked."""
    having = {key: params[key] for key in ("charge", "payment_intent") if key in params}
    return collection(account.all("dispute", **having)[::-1], "/v1/disputes")


def update_dispute(account: Account, params: Object, id: str) -> Object:
    """POST /v1/disputes/{id}."""
    values = {key: params[key] for key in ("evidence", "metadata") if key in params}
    return account.change("charge.dispute.updated", account.get("dispute", id), **values)


def close_dispute(account: Account, params: Object, id: str) -> Object:
    """POST /v1/disputes/{id}/close: the merchant gives in."""
    dispute = account.get("dispute", id)
    return account.change("charge.dispute.closed", dispute, status=CLOSED[dispute["status"]])


def hosted_urls() -> tuple[str, str]:
    """The pages where a customer sees an invoice and gets it as a PDF: whoever has these links may open them."""
    page = f"{ACCOUNT_ID}/test_{token(100)}"
    return f"https://invoice.stripe.com/i/{page}?s=ap", f"https://pay.stripe.com/invoice/{page}/pdf?s=ap"


def invoice_payment(account: Account, invoice: Object, intent: Object) -> Object:
    """Which payment paid for which invoice; since 2025-03-31.basil it is an object of its own."""
    now = account.now()
    payment = account.add("invoice_payment", invoice=invoice["id"], amount_paid=intent["amount"], status="paid")
    payment |= {"amount_requested": intent["amount"], "currency": intent["currency"]}
    payment["payment"] = {"payment_intent": intent["id"], "type": "payment_intent"}
    payment["status_transitions"] = {"canceled_at": None, "paid_at": now}
    return payment
