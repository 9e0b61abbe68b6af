"""Invoices and what stands on them: from items over finalising to paid or failed."""

from __future__ import annotations

from typing import Any

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.customers import means_to_pay
from tests.fake_stripe.payments import confirm, hosted_urls, invoice_payment, new_intent
from tests.fake_stripe.shapes import Object, build, collection

# With automatic collection Stripe tries again some days later; the schedule is the merchant's choice, 3 days is usual.
NEXT_ATTEMPT = 3 * 24 * 3600  # seconds

INVOICE_PARAMETERS = frozenset(
    [
        "auto_advance",
        "collection_method",
        "custom_fields",
        "default_payment_method",
        "description",
        "footer",
        "metadata",
        "statement_descriptor",
    ]
)


def create_item(account: Account, params: Object) -> Object:
    """POST /v1/invoiceitems. A customer's first money also fixes their currency, which Stripe tells as an update."""
    customer = account.get("customer", params.get("customer"))
    quantity, unit_amount, price = priced(account, params)
    amount, now = quantity * unit_amount, account.now()
    item = account.add("invoiceitem", amount=amount, net_amount=amount, customer=customer["id"], date=now)
    item |= {"currency": (price or params).get("currency", "usd"), "description": params.get("description")}
    item |= {"metadata": params.get("metadata", {}), "quantity": quantity, "quantity_decimal": str(quantity)}
    item["period"] = {"end": now, "start": now}
    item["pricing"] = pricing(price, unit_amount)
    account.change("customer.updated", customer, currency=item["currency"])
    account.emit("invoiceitem.created", item)
    return item


def priced(account: Account, params: Object) -> tuple[int, int, Object | None]:
    """Quantity, unit amount in the smallest unit, and the price where the parameters name one."""
    quantity = int(params.get("quantity", 1))
    price_id = params.get("price") or (params.get("pricing") or {}).get("price")
    if price_id is None:
        return quantity, int(params.get("amount") or params.get("unit_amount") or 0), None
    price = account.get("price", price_id)
    return quantity, int(price["unit_amount"]), price


def pricing(price: Object | None, unit_amount: int) -> Object:
    """How a line names its price since 2025-03-31.basil."""
    details = {"price": price and price["id"], "product": price and price["product"]}
    return {"price_details": details, "type": "price_details", "unit_amount_decimal": str(unit_amount)}


def delete_item(account: Account, params: Object, id: str) -> Object:
    """DELETE /v1/invoiceitems/{id}."""
    item = account.get("invoiceitem", id)
    del account.objects["invoiceitem"][id]
    account.emit("invoiceitem.deleted", item)
    return {"id": id, "object": "invoiceitem", "deleted": True}


def create_invoice(account: Account, params: Object) -> Object:
    """POST /v1/invoices. Takes up the customer's pending items with `pending_invoice_items_behavior=include`."""
    customer = account.get("customer", params.get("customer"))
    values = {key: value for key, value in params.items() if key in INVOICE_PARAMETERS}
    currency = params.get("currency") or customer["currency"] or "usd"
    invoice = new_invoice(account, customer, currency, **values)
    if invoice["collection_method"] == "send_invoice":
        invoice["due_date"] = account.now() + params.get("days_until_due", 30) * 24 * 3600
    if params.get("pending_invoice_items_behavior") == "include":
        take_up_items(account, invoice)
    account.emit("invoice.created", invoice)
    return invoice


def new_invoice(account: Account, customer: Object, currency: str, **values: Any) -> Object:
    """A draft without lines. No event yet."""
    now = account.now()
    invoice = account.add("invoice", customer=customer["id"], currency=currency, period_end=now, period_start=now)
    invoice |= values
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    copy_customer(invoice, customer)
    return invoice


def copy_customer(invoice: Object, customer: Object) -> None:
    """Who pays, as known now: drafts follow the customer, finalised invoices keep what they had."""
    for key in ("address", "email", "name", "phone", "shipping", "tax_exempt"):
        invoice[f"customer_{key}"] = customer[key]


def take_up_items(account: Account, invoice: Object) -> None:
    """Each of the customer's pending items becomes a line."""
    lines = []
    for item in account.all("invoiceitem", customer=invoice["customer"], invoice=None):
        item["invoice"] = invoice["id"]
        lines.append(line_of_item(item))
    set_lines(invoice, lines)


def line_of_item(item: Object) -> Object:
    """An invoice item as the invoice shows it."""
    line = build("line_item", amount=item["amount"], subtotal=item["amount"], invoice=item["invoice"])
    for key in ("currency", "description", "livemode", "metadata", "period", "pricing", "quantity", "quantity_decimal"):
        line[key] = item[key]
    details = {"invoice_item": item["id"], "proration": False, "proration_details": None, "subscription": None}
    line["parent"] |= {"invoice_item_details": details, "type": "invoice_item_details"}
    return line


def set_lines(invoice: Object, lines: list[Object]) -> None:
    """Put the lines on the invoice and add them up, newest first as Stripe lists them."""
    total = sum(line["amount"] for line in lines)
    invoice["lines"] = collection(lines[::-1], invoice["lines"]["url"])
    for key in ("amount_due", "amount_remaining", "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"):
        invoice[key] = total


def update_invoice(account: Account, params: Object, id: str) -> Object:
    """POST /v1/invoices/{id}."""
    values = {key: value for key, value in params.items() if key in INVOICE_PARAMETERS}
    return account.change("invoice.updated", account.get("invoice", id), **values)


def delete_invoice(account: Account, params: Object, id: str) -> Object:
    """DELETE /v1/invoices/{id}, for drafts."""
    invoice = account.get("invoice", id)
    if invoice["status"] != "draft":
        raise StripeError("You can only delete draft invoices.", code="invoice_not_editable")
    del account.objects["invoice"][id]
    account.emit("invoice.deleted", invoice)
    return {"id": id, "object": "invoice", "deleted": True}


def finalize_invoice(account: Account, params: Object, id: str) -> Object:
    """POST /v1/invoices/{id}/finalize."""
    invoice = account.get("invoice", id)
    if invoice["status"] != "draft":
        raise StripeError("This invoice is already finalized, you can't re-finalize it.", code="invoice_not_editable")
    return finalize(account, invoice)


def finalize(account: Account, invoice: Object) -> Object:
    """Number the invoice, freeze its customer, give it a page."""
    customer = account.objects["customer"].get(invoice["customer"])
    if customer:
        copy_customer(invoice, customer)
        invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}"
        customer["next_invoice_sequence"] += 1
    page, pdf = hosted_urls()
    now = account.now()
    invoice |= {"effective_at": now, "ending_balance": 0, "hosted_invoice_url": page, "invoice_pdf": pdf}
    moved = invoice["status_transitions"] | {"finalized_at": now}
    account.change("invoice.updated", invoice, status="open", status_transitions=moved, webhooks_delivered_at=now)
    account.emit("invoice.finalized", invoice)
    return invoice


def pay_invoice(account: Account, params: Object, id: str) -> Object:
    """POST /v1/invoices/{id}/pay. A refused card answers 402, after `invoice.payment_failed`."""
    invoice = account.get("invoice", id)
    if invoice["status"] in ("paid", "void"):
        raise StripeError(f"Invoice is already {invoice['status']}", code="invoice_already_paid")
    if invoice["status"] == "draft":
        finalize(account, invoice)
    if params.get("paid_out_of_band"):
        return settle(account, invoice)
    customer = account.get("customer", invoice["customer"])
    named = params.get("payment_method") or invoice["default_payment_method"]
    return collect(account, invoice, means_to_pay(account, customer, named))


def collect(account: Account, invoice: Object, method_id: str | None) -> Object:
    """Take the money for a finalised invoice; nothing due is nothing to take."""
    if invoice["amount_due"] == 0:
        settle(account, invoice)
        account.emit("invoice.payment_succeeded", invoice)
        return invoice
    intent = new_intent(account, invoice["amount_due"], invoice["currency"], invoice["customer"])
    intent |= {"description": "Payment for Invoice", "receipt_email": invoice["customer_email"]}
    account.emit("payment_intent.created", intent)
    try:
        confirm(account, intent, method_id)
    except StripeError:
        fail(account, invoice)
        raise
    if intent["status"] == "requires_action":
        require_action(account, invoice, intent)
    settle(account, invoice, attempts=1)
    account.emit("invoice.payment_succeeded", invoice)
    account.emit("invoice_payment.paid", invoice_payment(account, invoice, intent))
    return invoice


def settle(account: Account, invoice: Object, attempts: int = 0) -> Object:
    """The invoice is paid, through Stripe or (without attempts) out of band: both are `invoice.paid`."""
    moved = invoice["status_transitions"] | {"paid_at": account.now()}
    counted: Object = {"attempt_count": invoice["attempt_count"] + attempts, "attempted": True} if attempts else {}
    values = {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "next_payment_attempt": None,
        "status": "paid",
    }
    account.change("invoice.updated", invoice, status_transitions=moved, auto_advance=False, **values, **counted)
    account.emit("invoice.paid", invoice)
    return invoice


def fail(account: Account, invoice: Object) -> None:
    """An attempt did not get the money. Only automatic collection will try again by itself."""
    again = account.now() + NEXT_ATTEMPT if invoice["auto_advance"] else None
    attempts = invoice["attempt_count"] + 1
    account.change("invoice.updated", invoice, attempt_count=attempts, attempted=True, next_payment_attempt=again)
    account.emit("invoice.payment_failed", invoice)


def require_action(account: Account, invoice: Object, intent: Object) -> None:
    """The bank wants the card's owner to confirm: also a failed attempt, with a 402 of its own."""
    fail(account, invoice)
    account.emit("invoice.payment_action_required", invoice)
    message = "This payment requires additional user action before it can be completed successfully."
    code = "invoice_payment_intent_requires_action"
    raise StripeError(message, status=402, type="card_error", code=code, payment_intent=dict(intent))


def send_invoice(account: Account, params: Object, id: str) -> Object:
    """POST /v1/invoices/{id}/send."""
    invoice = account.get("invoice", id)
    if invoice["status"] == "draft":
        finalize(account, invoice)
    account.emit("invoice.sent", invoice)
    return invoice


def void_invoice(account: Account, params: Object, id: str) -> Object:
    """POST /v1/invoices/{id}/void."""
    return close(account, id, "void", "voided_at", "invoice.voided")


def write_off_invoice(account: Account, params: Object, id: str) -> Object:
    """POST /v1/invoices/{id}/mark_uncollectible."""
    return close(account, id, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def close(account: Account, id: str, status: str, moment: str, event_type: str) -> Object:
    """The invoice will not be paid any more."""
    invoice = account.get("invoice", id)
    moved = invoice["status_transitions"] | {moment: account.now()}
    account.change("invoice.updated", invoice, status=status, status_transitions=moved, auto_advance=False)
    account.emit(event_type, invoice)
    return invoice
