"""What is sold: products, prices, and the plain objects beside them that only are created, updated and deleted."""

from __future__ import annotations

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.shapes import Object

# Kind by the name of its collection in the URL.
PLAIN = {"coupons": "coupon", "plans": "plan", "prices": "price", "products": "product", "tax_rates": "tax_rate"}


def create_plain(account: Account, params: Object, collection: str) -> Object:
    """POST /v1/products and its like: the parameters that are keys of the object become its values."""
    kind = PLAIN[collection]
    made = account.add(kind)
    account.change(None, made, **known_values(made, params))
    if kind == "price":
        complete_price(account, made)
    account.emit(f"{kind}.created", made)
    return made


def update_plain(account: Account, params: Object, collection: str, id: str) -> Object:
    """POST /v1/products/{id} and its like."""
    kind = PLAIN[collection]
    found = account.get(kind, id)
    return account.change(f"{kind}.updated", found, **known_values(found, params))


def delete_plain(account: Account, params: Object, collection: str, id: str) -> Object:
    """DELETE /v1/products/{id} and its like; prices cannot be deleted at Stripe."""
    kind = PLAIN[collection]
    if kind == "price":
        raise StripeError("Prices cannot be deleted.", status=405)
    found = account.get(kind, id)
    del account.objects[kind][id]
    account.emit(f"{kind}.deleted", found)
    return {"id": id, "object": kind, "deleted": True}


def known_values(obj: Object, params: Object) -> Object:
    """The parameters that this object has as keys."""
    return {key: value for key, value in params.items() if key in obj and key not in ("id", "object")}


def complete_price(account: Account, price: Object) -> None:
    """What a price says twice, and how often it is due."""
    account.get("product", price["product"])
    price["unit_amount_decimal"] = str(price["unit_amount"])
    if price["recurring"]:
        usual = {"interval": "month", "interval_count": 1, "meter": None, "trial_period_days": None}
        price |= {"recurring": usual | {"usage_type": "licensed"} | price["recurring"], "type": "recurring"}
