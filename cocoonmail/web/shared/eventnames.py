"""Which names events may have, and the fields that complete from the known ones."""

from __future__ import annotations

from django import forms

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import EventName

EVENT_NAMES_LIST = "event-names"  # The id of the page's <datalist>
LISTED_MAX = 500


def known_names(workspace: Workspace) -> list[str]:
    """The names to complete from."""
    names = EventName.objects.filter(workspace=workspace).order_by("name").values_list("name", flat=True)
    return list(names[:LISTED_MAX])


def event_name(text: str) -> str:
    """The name, if an event may have it. Raises ValidationError."""
    name = text.strip()
    if ":" in name:
        raise forms.ValidationError("An event's name may not contain a colon.")
    if not name or not name.isprintable():
        raise forms.ValidationError("An event's name is made of letters that can be seen.")
    return name
