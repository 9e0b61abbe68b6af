"""Putting a Reading together: who it is about, what happened, and both in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cocoonmail.contacts.changes import Claim, ContactChange, Customer, Happening, Properties, Rank
from cocoonmail.platforms.base import Announcement
from cocoonmail.platforms.stripe import money
from cocoonmail.platforms.stripe.names import Name
from cocoonmail.platforms.stripe.shape import Shape, clean, owner, part, text, whole
from cocoonmail.platforms.stripe.sheet import Sheet


def customer_of(said: Announcement, shape: Shape) -> Customer | None:
    """The customer that an object belongs to, None where it names none.

    With Accounts v2 the customer can be an account: `customer` is then null and `customer_account` names it
    (https://docs.stripe.com/changelog/dahlia/2026-04-22/accounts-v2-expanded-availability).
    """
    id = owner(shape, "customer") or owner(shape, "customer_account")
    return Customer(id, said.account, said.livemode) if id else None


def only_mentioned(said: Announcement, customer: Customer | None, email: str = "") -> ContactChange:
    """The change of a payload that says whom it is about and nothing about them."""
    return ContactChange(customer, email, {}, said.created, Rank.COPY, said.id)


def copied(said: Announcement, customer: Customer | None, email: str, name: Name, at: int) -> ContactChange:
    """The change of a payload that holds a copy of the person's data, made at that moment.

    No copy is younger than its event: an invoice that is only coming up is dated ahead.
    """
    claims = {"email": Claim(email), "first_name": Claim(name.first), "last_name": Claim(name.last)}
    return ContactChange(customer, email, _without_empty(claims), min(at, said.created), Rank.COPY, said.id)


def _without_empty(claims: Mapping[str, Claim]) -> dict[str, Claim]:
    return {field: claim for field, claim in claims.items() if claim.value}


def language_of(customer: Shape) -> str:
    """The language that a customer likes best, "" where none is told."""
    languages = customer.get("preferred_locales")
    first = languages[0] if isinstance(languages, list) and languages else ""
    return clean(first)[: money.LOCALE_MAX] if isinstance(first, str) else ""


def begun(
    said: Announcement,
    found: Shape,
    customer: Customer | None,
    *,
    name: str = "",
    email: str = "",
    currency: str = "",
    language: str = "",
) -> Sheet:
    """A sheet of properties that says whom the event is about, in the object's currency and the person's language."""
    sheet = Sheet(currency or text(found, "currency"), language or language_of(part(found, "customer")))
    sheet.text("customerName", name)
    sheet.text("customerEmail", email)
    sheet.text("stripeCustomerId", customer.id if customer else "")
    sheet.text("stripeAccountId", said.account)
    sheet.flag("livemode", said.livemode)
    return sheet


def happening(said: Announcement, key: str, properties: Properties, noise: bool = False) -> Happening:
    """What happened, at the time of the event. An empty key means that the event itself is the happening."""
    return Happening(key or said.id, properties, datetime.fromtimestamp(said.created, UTC), noise)


def person(name: str, email: str, customer: Customer | None) -> str:
    """Somebody in words: Ada Lovelace <ada@example.com>."""
    if email:
        return f"{name} <{email}>" if name else email
    if customer:
        return f"{name} ({customer.id})" if name else customer.id
    return name or "somebody without an email address"


def over(found: Shape, key: str) -> str:
    """An amount to append in a sentence: " over €19.99", "" where there is none."""
    amount = whole(found, key)
    return "" if amount is None else f" over {money.display(amount, money.code_of(text(found, 'currency')))}"


def literal(value: str) -> str:
    """A text from outside that may stand in a sentence which is formatted later."""
    return value.replace("{", "{{").replace("}", "}}")
