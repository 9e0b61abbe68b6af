"""Whether a contact wants marketing mail: their own word, which sending asks for last of all (promise S5)."""

from __future__ import annotations

from datetime import datetime

from cocoonmail.contacts.models import Contact


def unsubscribe(contact: Contact, now: datetime) -> None:
    """No more marketing mail. Twice is the same as once: the first time stays noted."""
    changed = Contact.objects.filter(pk=contact.pk, subscribed=True)
    changed.update(subscribed=False, unsubscribed_at=now, updated_at=now)


def resubscribe(contact: Contact, now: datetime) -> None:
    """They do want it."""
    changed = Contact.objects.filter(pk=contact.pk, subscribed=False)
    changed.update(subscribed=True, unsubscribed_at=None, updated_at=now)
