"""Who a sample event is about and when it happens, and the ids that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

DAY = 86_400  # Seconds
MONTH = 30 * DAY
CURRENCY, AMOUNT = "eur", 1999
LINE = "1 × Pro plan (at €19.99 / month)"
PRICE, PRODUCT = "price_1SampleProMonthly000001", "prod_SamplePro00001"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who a sample is about and when it happens."""

    email: str | None
    name: str
    now: int
    livemode: bool
    token: str

    @property
    def customer(self) -> str:
        """The customer's id: the same for the same address."""
        return f"cus_{letters(f'customer {(self.email or self.token).strip().lower()}', 14)}"

    @property
    def subscription(self) -> str:
        """The id of the customer's subscription: the same for the same address."""
        return f"sub_1{letters(f'subscription {self.customer}', 23)}"

    def new(self, prefix: str) -> str:
        """An id that only this sample has."""
        return f"{prefix}_1{letters(f'{prefix} {self.token}', 23)}"

    def short(self, what: str, length: int) -> str:
        """A few capital letters and digits that only this sample has."""
        return letters(f"{what} {self.token}", length).upper()


def letters(seed: str, length: int) -> str:
    """Letters and digits that look random and are the same for the same seed."""
    digest = sha256(seed.encode("utf-8", "surrogatepass")).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)[:length]


def page(entries: list[Json], url: str) -> Json:
    """One page of a list, as Stripe writes it."""
    return {"object": "list", "data": entries, "has_more": False, "total_count": len(entries), "url": url}
