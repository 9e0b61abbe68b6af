"""What an email may merge in, taken from the rows as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact


def facts_of(workspace: Workspace, contact: Contact, event: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one message: `contact`, `event`, `workspace` and `sender`, each a dict of JSON values."""
    return {
        "contact": {
            **contact.properties,
            "email": contact.email,
            "firstName": contact.first_name,
            "lastName": contact.last_name,
            "userGroup": contact.user_group,
            "userId": contact.user_id,
            "source": contact.source,
        },
        "event": dict(event),
        "workspace": {"name": workspace.name, "address": workspace.address},
        "sender": {"name": workspace.sender_name, "email": workspace.sender_email, "reply_to": workspace.reply_to},
    }
