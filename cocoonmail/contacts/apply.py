"""Make readings true: find or create the contacts, sync their fields, record each event once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cocoonmail.contacts.addresses import Address, NotAnAddress, parse
from cocoonmail.contacts.audience import Audience
from cocoonmail.contacts.changes import Rank, Removal
from cocoonmail.contacts.models import Contact, PlatformCustomer
from cocoonmail.contacts.record import record
from cocoonmail.contacts.sync import fill, learn, sync
from cocoonmail.contacts.told import Applied, CustomerKey, Found, Told

NO_ADDRESS = "received, no email address, nothing synced"


def apply(told: Sequence[Told], now: datetime) -> tuple[list[Applied], set[CustomerKey]]:
    """Apply readings in order, inside the caller's transaction. Twice is the same as once.

    Returns what each led to, and the customers that got their contact by it. Raises IntegrityError when another
    worker created the same contact or customer meanwhile: the caller then tries again and finds it.
    """
    audience = Audience(told, now)
    applied = [_apply_one(audience, one) for one in told]
    audience.save()
    for one in applied:
        if one.contact is not None and audience.is_removed(one.contact):
            one.contact = None
    record(told, applied, now)
    return applied, audience.arrivals


def _apply_one(audience: Audience, told: Told) -> Applied:
    address, complaint = _address(told.reading.change.email)
    key = told.customer_key
    customer = _customer(audience, told, address)
    contact = _contact(audience, told, customer, address)
    if contact is None:
        return _nobody(told, customer, complaint)
    words = [] if contact.pk else ["contact created"]
    if key is not None and customer is not None:
        audience.link(key, customer, contact)
        words += sync(audience, key, customer, told)
        contact = customer.contact or contact
    else:
        words += fill(audience, contact, dict(told.reading.change.claims))
    if told.reading.facts.livemode and contact.test:
        contact.test = False
        audience.changed(contact)
    return Applied(Found.CONTACT, contact, words=words or ["contact up to date"])


def _customer(audience: Audience, told: Told, address: Address | None) -> PlatformCustomer | None:
    """The customer that a payload speaks of, remembered from the first payload on that says who it is."""
    key = told.customer_key
    if key is None:
        return None
    introduces = told.reading.change.rank > Rank.COPY or address is not None
    return audience.introduce(key) if introduces else audience.customer(key)


def _contact(
    audience: Audience, told: Told, customer: PlatformCustomer | None, address: Address | None
) -> Contact | None:
    """The customer's contact, else the one with this address, else a new one; none for customers who are gone."""
    if customer is not None and customer.contact is not None:
        return customer.contact
    if address is None or _is_gone(customer):
        return None
    known = audience.contact(told.workspace_id, address)
    if known is not None or told.reading.change.deleted:
        return known
    return audience.add(told, address)


def _is_gone(customer: PlatformCustomer | None) -> bool:
    return customer is not None and customer.deleted_at is not None and customer.removal == Removal.DELETE


def _nobody(told: Told, customer: PlatformCustomer | None, complaint: str) -> Applied:
    """What to remember and to say when a reading leads to no contact."""
    change = told.reading.change
    if customer is not None:
        learn(customer, change)
        if change.deleted:
            customer.removal = told.removal
    if _is_gone(customer):
        return Applied(Found.NOBODY, words=["this customer was deleted, nothing synced"])
    if complaint:
        return Applied(Found.NO_ADDRESS, words=[f"{complaint}, so nothing was synced"])
    if change.customer is None:
        return Applied(Found.NO_ADDRESS, words=[NO_ADDRESS])
    if customer is None:
        return Applied(Found.STRANGER, words=[f"{NO_ADDRESS} yet"])
    return Applied(Found.NO_ADDRESS, words=[NO_ADDRESS])


def _address(text: str) -> tuple[Address | None, str]:
    """The address in a text, or why there is none; an empty text is no complaint."""
    if not text.strip():
        return None, ""
    try:
        return parse(text), ""
    except NotAnAddress as error:
        return None, str(error)
