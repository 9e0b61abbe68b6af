"""Sync one customer with its contact: the newest claim about each field wins, whatever order the news came in."""

from __future__ import annotations

from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.contacts.audience import Audience
from cocoonmail.contacts.changes import Claim, ContactChange, Removal
from cocoonmail.contacts.models import Contact, PlatformCustomer
from cocoonmail.contacts.newest import merge, winner
from cocoonmail.contacts.told import CustomerKey, Told

FIELD_WORDS = {"email": "email", "first_name": "first name", "last_name": "last name"}


def sync(audience: Audience, key: CustomerKey, customer: PlatformCustomer, told: Told) -> list[str]:
    """Merge a payload's claims into the customer, and bring its contact up to date. Returns what changed, in words."""
    change = told.reading.change
    won = learn(customer, change)
    audience.changed(customer)
    contact = customer.contact
    if contact is None:
        return []
    words = _write(audience, key, customer, contact, won)
    if change.deleted:
        words += _part(audience, customer, contact, told.removal)
    elif customer.deleted_at is not None and customer.removal == Removal.UNSUBSCRIBE:
        words += _unsubscribe(audience, contact)
    return words


def learn(customer: PlatformCustomer, change: ContactChange) -> list[str]:
    """Merge the claims; returns the fields whose newest value is now another one. Does not touch the contact."""
    won = []
    for name, claim in change.claims.items():
        before = customer.claims.get(name)
        after = merge(before, claim, change.at, change.rank, change.event_id)
        customer.claims = {**customer.claims, name: after}
        if before is None or winner(before)[0] != winner(after)[0]:
            won.append(name)
    customer.doubtful = not all(winner(held)[1] for held in customer.claims.values())
    if change.deleted:
        customer.deleted_at = max(change.at, customer.deleted_at or 0)
    return won


def fill(audience: Audience, contact: Contact, claims: dict[str, Claim]) -> list[str]:
    """Fill the empty fields of a contact from a payload that names no customer."""
    empty = [name for name in claims if name != "email" and not getattr(contact, name)]
    for name in empty:
        setattr(contact, name, claims[name].value)
        audience.changed(contact)
    return [f"{FIELD_WORDS[name]} filled in" for name in empty] if contact.pk else []


def _write(
    audience: Audience, key: CustomerKey, customer: PlatformCustomer, contact: Contact, won: list[str]
) -> list[str]:
    """Set the contact's fields to the newest claims, where they changed or are still empty."""
    if audience.shields(contact, customer.livemode):
        return ["test mode changes nothing about a live customer"] if won else []
    words = []
    for name in ("first_name", "last_name"):
        if name in customer.claims and (name in won or not getattr(contact, name)):
            words += _write_field(audience, customer, contact, name)
    if "email" in won:
        words += _move(audience, key, customer, contact)
    return words


def _write_field(audience: Audience, customer: PlatformCustomer, contact: Contact, name: str) -> list[str]:
    """One field, unless another customer of the same person has newer news of it."""
    value, _ = winner(customer.claims[name])
    at = customer.claims[name]["at"]
    if getattr(contact, name) == value or at < contact.synced.get(name, 0):
        return []
    setattr(contact, name, value)
    contact.synced = {**contact.synced, name: at}
    audience.changed(contact)
    return [f"{FIELD_WORDS[name]} set to {value}"] if contact.pk else []


def _move(audience: Audience, key: CustomerKey, customer: PlatformCustomer, contact: Contact) -> list[str]:
    """Follow a changed address: the contact moves, unless the new address already is another contact.

    Two contacts are never merged silently: the customer then belongs to the one that has its address, the other stays.
    """
    try:
        address = parse(winner(customer.claims["email"])[0])
    except NotAnAddress as error:
        return [f"{error}, so the contact keeps {contact.email}"]
    if address.key == contact.email_key:
        return []
    other = audience.contact(contact.workspace_id, address)
    if other is None:
        before = contact.email
        audience.move(contact, address)
        return [f"email changed from {before} to {address.email}"]
    customer.conflict = f"Its address changed from {contact.email} to {other.email}, which was a contact already"
    audience.link(key, customer, other)
    return [f"{address.email} already is another contact: the customer now belongs to that one, {contact.email} stays"]


def _part(audience: Audience, customer: PlatformCustomer, contact: Contact, removal: Removal) -> list[str]:
    """The customer was deleted at the platform: do with its contact what the endpoint says."""
    customer.removal = removal
    if removal is Removal.DELETE:
        gone = audience.remove(contact)
        return ["contact deleted" if gone else "contact kept, for another customer is the same person"]
    if removal is Removal.UNSUBSCRIBE:
        return _unsubscribe(audience, contact)
    return ["customer deleted, contact kept"]


def _unsubscribe(audience: Audience, contact: Contact) -> list[str]:
    if not contact.subscribed:
        return []
    contact.subscribed, contact.unsubscribed_at = False, audience.now
    audience.changed(contact)
    return ["contact unsubscribed"]
