"""Delete contacts: their events and passages go with them, their messages stay and are not sent any more."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from cocoonmail.contacts.models import Contact


def remove(contacts: QuerySet[Contact]) -> None:
    """Delete these contacts. Twice is the same as once.

    They are locked before their messages are touched, as a mark does it: in different orders the two would wait for
    each other.
    """
    with transaction.atomic():
        list(contacts.order_by("pk").select_for_update().values_list("pk"))
        contacts.delete()
