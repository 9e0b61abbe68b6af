"""What is known of a message of which nobody knows whether it left: since when, which server, its last line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.transport import transport_of

GREETING = "S: 220 "  # RFC 5321 section 4.2: a server's first words begin with its name


@dataclass(frozen=True, slots=True)
class Known:
    """What a person can go by. `server` and `last` are "" where nothing is known of them."""

    since: datetime
    server: str
    last: str


def known(workspace: Workspace, messages: Sequence[Message]) -> dict[int, Known]:
    """What is known of those of these messages that are unknown, by id. One query, which loads their conversations."""
    unknown = {message.pk: message for message in messages if message.status == Status.UNKNOWN}
    if not unknown:
        return {}
    said = Message.objects.filter(pk__in=unknown).values_list("pk", "conversation")
    host = transport_of(workspace).host
    return {pk: known_of(unknown[pk], conversation, host) for pk, conversation in said}


def known_of(message: Message, conversation: str, host: str) -> Known:
    """What is known of an unknown message; `host` is today's server, for where the conversation names none."""
    lines = conversation.splitlines()
    greeting = next((line.removeprefix(GREETING) for line in lines if line.startswith(GREETING)), "")
    since = message.unknown_at or message.released_at or message.created_at
    return Known(since, greeting.partition(" ")[0] or host, lines[-1] if lines else "")
