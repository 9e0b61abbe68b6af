"""Many messages that wait to be sent, made in one go."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cocoonmail.contacts.models import Contact
from cocoonmail.emails.facts import facts_of
from cocoonmail.emails.models import EmailVersion, Message
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import new_token
from cocoonmail.loops.models import Loop

ROWS = 500  # In one INSERT
MESSAGE_ID = re.compile(rb"^Message-ID: *\r?\n? *<([\w-]+)@", re.MULTILINE | re.IGNORECASE)


def backlog(loop: Loop, recipients: Sequence[str]) -> list[str]:
    """Queue the email of a live loop to each of these addresses, due now; returns the messages' tokens, in order.

    An address that comes again is the same contact's.
    """
    workspace, now = loop.workspace, database_now()
    assert loop.published is not None
    version = EmailVersion.objects.get(pk=next(s["version"] for s in loop.published.steps if s["type"] == "email"))
    known = {row.email: row for row in Contact.objects.filter(workspace=workspace)}
    new = [
        Contact(workspace=workspace, email=email, email_key=email, first_name="Ada", created_at=now, updated_at=now)
        for email in dict.fromkeys(recipients)
        if email not in known
    ]
    known |= {row.email: row for row in Contact.objects.bulk_create(new, batch_size=ROWS)}
    messages = [
        Message(
            workspace=workspace,
            contact=known[email],
            version=version,
            key=f"backlog:{(token := new_token())}",
            loop_id=loop.pk,
            kind=version.compiled["kind"],
            to_email=email,
            facts=facts_of(workspace, known[email], {}),
            token=token,
            due_at=now,
            created_at=now,
        )
        for email in recipients
    ]
    return [message.token for message in Message.objects.bulk_create(messages, batch_size=ROWS)]


def token_of(message: bytes) -> str:
    """The token of the message with these bytes."""
    found = MESSAGE_ID.search(message)
    assert found, message[:1000]
    return found[1].decode()
