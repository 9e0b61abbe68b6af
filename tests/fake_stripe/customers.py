"""Customers and their payment methods."""

from __future__ import annotations

from typing import Any

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.shapes import Object, new_id, token

CUSTOMER_PARAMETERS = frozenset(
    [
        "address",
        "balance",
        "business_name",
        "description",
        "email",
        "individual_name",
        "invoice_prefix",
        "invoice_settings",
        "metadata",
        "name",
        "next_invoice_sequence",
        "phone",
        "preferred_locales",
        "shipping",
        "tax_exempt",
        "test_clock",
    ]
)
OTHER_PARAMETERS = frozenset(["expand", "payment_method", "source", "validate"])

# The last four digits of the cards behind Stripe's test tokens, https://docs.stripe.com/testing.
LAST4 = {
    "authenticationRequired": "3184",
    "bypassPending": "0077",
    "chargeCustomerFail": "0341",
    "chargeDeclined": "0002",
    "createDispute": "0259",
    "createDisputeInquiry": "1976",
    "threeDSecure2Required": "3220",
    "visa_chargeDeclined": "0002",
}


def create_customer(account: Account, params: Object) -> Object:
    """POST /v1/customers. Without `email` and `name` both are null: what `stripe trigger` does unless overridden."""
    values = customer_values(params)
    customer = account.add("customer", invoice_prefix=token(8).upper(), metadata=values.pop("metadata", {}))
    customer |= {"name": values.get("business_name") or values.get("individual_name")}
    settings = values.pop("invoice_settings", {})
    customer.update(values)
    equip(account, customer, params)
    account.change(None, customer, invoice_settings=invoice_settings(account, customer, settings))
    account.emit("customer.created", customer)
    return customer


def update_customer(account: Account, params: Object, id: str) -> Object:
    """POST /v1/customers/{id}."""
    customer = account.get("customer", id)
    values = customer_values(params)
    if "invoice_settings" in values:
        values["invoice_settings"] = invoice_settings(account, customer, values["invoice_settings"])
    return account.change("customer.updated", customer, **values)


def delete_customer(account: Account, params: Object, id: str) -> Object:
    """DELETE /v1/customers/{id}. The event carries the customer's last state, the answer only its id."""
    customer = account.get("customer", id)
    del account.objects["customer"][id]
    account.emit("customer.deleted", customer)
    return {"id": id, "object": "customer", "deleted": True}


def customer_values(params: Object) -> Object:
    """The parameters that become keys of the customer, refused as Stripe refuses them."""
    for name in params.keys() - CUSTOMER_PARAMETERS - OTHER_PARAMETERS:
        raise StripeError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    email = params.get("email")
    if email is not None and "@" not in email:
        raise StripeError(f"Invalid email address: {email}", code="email_invalid", param="email")
    return {key: value for key, value in params.items() if key in CUSTOMER_PARAMETERS}


def equip(account: Account, customer: Object, params: Object) -> None:
    """Attach what the creation itself named as a means to pay."""
    if "payment_method" in params:
        attach(account, payment_method(account, params["payment_method"]), customer)
    if "source" in params:
        card = account.add("card", customer=customer["id"])
        account.behaviours[card["id"]] = behaviour_of(params["source"])
        customer["default_source"] = card["id"]
        account.emit("customer.source.created", card)


def invoice_settings(account: Account, customer: Object, settings: Object) -> Object:
    """A test token as default payment method means the one that was attached for it."""
    default = settings.get("default_payment_method")
    if default is None or default in account.objects.get("payment_method", {}):
        return settings
    attached = [
        method["id"]
        for method in account.all("payment_method", customer=customer["id"])
        if account.behaviours[method["id"]] == behaviour_of(default)
    ]
    if not attached:
        raise StripeError(f"No such PaymentMethod: '{default}'", code="resource_missing", param="invoice_settings")
    return settings | {"default_payment_method": attached[-1]}


def create_payment_method(account: Account, params: Object) -> Object:
    """POST /v1/payment_methods. A card comes as a test token, a SEPA debit with an IBAN whose last digits matter."""
    kind = params.get("type", "card")
    given = params.get(kind) or {}
    if kind == "sepa_debit":
        method = sepa_debit(account, str(given.get("iban", "")))
    else:
        method = payment_method(account, given.get("token", "tok_visa"))
    return account.change(
        None, method, billing_details=params.get("billing_details", {}), metadata=params.get("metadata", {})
    )


def attach_payment_method(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_methods/{id}/attach. A test token such as pm_card_visa becomes a payment method of its own."""
    customer = account.get("customer", params.get("customer"))
    return attach(account, payment_method(account, id), customer)


def detach_payment_method(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_methods/{id}/detach."""
    method = account.get("payment_method", id)
    customer, method["customer"] = method["customer"], None
    account.emit("payment_method.detached", method, {"customer": customer})
    return method


def update_payment_method(account: Account, params: Object, id: str) -> Object:
    """POST /v1/payment_methods/{id}."""
    values = {key: params[key] for key in ("billing_details", "metadata") if key in params}
    return account.change("payment_method.updated", account.get("payment_method", id), **values)


def attach(account: Account, method: Object, customer: Object) -> Object:
    """The customer owns this payment method from now on."""
    method["customer"] = customer["id"]
    account.emit("payment_method.attached", method)
    return method


def payment_method(account: Account, id: str) -> Object:
    """The payment method of that id, or a new one for a test token such as `pm_card_visa` or `tok_visa`."""
    if not id.startswith(("pm_card_", "tok_")):
        return account.get("payment_method", id)
    method = account.add("payment_method")
    behaviour = behaviour_of(id)
    method["card"]["last4"] = LAST4.get(behaviour, "4242")
    account.behaviours[method["id"]] = behaviour
    return method


def behaviour_of(token_id: str) -> str:
    """What a test token stands for: `pm_card_chargeDeclined` and `tok_chargeDeclined` are one card."""
    return token_id.removeprefix("pm_card_").removeprefix("tok_")


def sepa_debit(account: Account, iban: str) -> Object:
    """A bank account. Stripe's test IBANs that end in 202 or 456 fail some days later, others succeed."""
    method = account.add("payment_method", type="sepa_debit")
    del method["card"]
    fails = iban.endswith(("202", "456"))
    method["sepa_debit"] = {"bank_code": iban[4:9], "country": iban[:2], "last4": iban[-4:]}
    account.behaviours[method["id"]] = "debitFails" if fails else "debitSucceeds"
    return method


def means_to_pay(account: Account, customer: Object, named: Any = None) -> str | None:
    """The id of what this customer pays with: the one named, else the default of invoices, else the default card."""
    if named:
        return str(payment_method(account, named)["id"])
    default = customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    return None if default is None else str(default)


def secret_for(id: str) -> str:
    """A client secret in Stripe's form."""
    return f"{id}_secret_{token(25)}"


def balance_transaction() -> str:
    """An id for the money's movement, which is not kept further."""
    return "txn_" + new_id("charge")[3:]
