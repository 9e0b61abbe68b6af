"""customer.created, customer.updated and customer.deleted: https://docs.stripe.com/api/customers/object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cocoonmail.contacts.changes import Claim, ContactChange, Customer, Facts, Properties, Rank, Reading
from cocoonmail.platforms.base import Announcement, Payload
from cocoonmail.platforms.stripe.money import code_of
from cocoonmail.platforms.stripe.names import name_of
from cocoonmail.platforms.stripe.reading import begun, happening, language_of, literal, person
from cocoonmail.platforms.stripe.shape import (
    EMPTY,
    Shape,
    address,
    before,
    identified,
    metadata,
    part,
    subject,
    text,
    told,
)

# A change of anything else (currency, invoice_settings, balance, next_invoice_sequence, default_source …) is Stripe's
# own bookkeeping: of 97 recorded customer.updated all were of that kind.
OF_INTEREST = frozenset(
    "address business_name description email individual_name metadata name phone preferred_locales shipping tax_exempt "
    "tax_ids".split()
)


def created(said: Announcement, payload: Payload) -> Reading:
    """Somebody became a customer."""
    found = subject(payload, "customer")
    change = _change(said, found, Rank.CREATED)
    return _reading(said, found, change, _Told(_key(said, found), "New customer {}"))


def updated(said: Announcement, payload: Payload) -> Reading:
    """Something about a customer changed."""
    found, old = subject(payload, "customer"), before(payload)
    change = _change(said, found, Rank.UPDATED, old or {})
    noise = old is not None and not OF_INTEREST & old.keys()
    return _reading(said, found, change, _Told("", f"Customer {{}} changed{literal(_what(old))}", old or {}, noise))


def deleted(said: Announcement, payload: Payload) -> Reading:
    """A customer was deleted; the object can hold its last state or nothing but its id."""
    found = subject(payload, "customer")
    change = _change(said, found, Rank.DELETED, deleted=True)
    return _reading(said, found, change, _Told(_key(said, found), "Customer {} was deleted"))


def _key(said: Announcement, found: Shape) -> str:
    """The customer names the happening, for Stripe can send two events for one."""
    return f"{said.type}:{identified(found, 'customer')}"


def _change(
    said: Announcement, found: Shape, rank: Rank, old: Shape | None = None, *, deleted: bool = False
) -> ContactChange:
    customer = Customer(identified(found, "customer"), said.account, said.livemode)
    email = address(found, "email")
    return ContactChange(customer, email, _claims(found, email, old or {}), said.created, rank, said.id, deleted)


def _claims(found: Shape, email: str, old: Shape) -> dict[str, Claim]:
    """The values to sync. What was there before is known where the event lists it."""
    first, last = name_of(found)
    was_first, was_last = name_of({**found, **old})
    claims = {
        "email": Claim(email, told(old, "email") if "email" in old else None),
        "first_name": Claim(first, None if was_first == first else was_first),
        "last_name": Claim(last, None if was_last == last else was_last),
    }
    return {field: claim for field, claim in claims.items() if claim.value}


class _Told(NamedTuple):
    """What the three types tell differently: the happening's key, a sentence about {}, and what was there before."""

    key: str
    sentence: str
    old: Shape = EMPTY
    noise: bool = False


def _reading(said: Announcement, found: Shape, change: ContactChange, news: _Told) -> Reading:
    own = metadata(part(found, "metadata"))
    facts = Facts(said.livemode, metadata=own, currency=code_of(text(found, "currency")))
    what = happening(said, news.key, _properties(said, found, change, own, news.old), news.noise)
    understood = news.sentence.format(person(told(found, "name"), change.email, change.customer))
    if not change.email:
        understood += ", without an email address"
    return Reading(change, what, facts, understood)


def _properties(
    said: Announcement, found: Shape, change: ContactChange, own: Mapping[str, str], old: Shape
) -> Properties:
    sheet = begun(
        said, found, change.customer, name=told(found, "name"), email=change.email, language=language_of(found)
    )
    sheet.text("businessName", told(found, "business_name"))
    sheet.text("customerPhone", told(found, "phone"))
    sheet.text("customerCountry", told(part(found, "address"), "country"))
    sheet.text("customerLanguage", language_of(found))
    sheet.text("customerDescription", told(found, "description"))
    sheet.text("currency", sheet.currency)
    sheet.text("previousEmail", told(old, "email"))
    sheet.text("previousName", told(old, "name"))
    sheet.text("changed", _listed(old))
    sheet.metadata(own)
    return sheet.finished()


def _what(old: Shape | None) -> str:
    return f": {listed}" if old and (listed := _listed(old)) else ""


def _listed(old: Shape) -> str:
    """The names of the attributes that changed."""
    return ", ".join(sorted(text({"key": key}, "key", 50) for key in old))[:500]
