"""How account mail leaves (password resets and the like): by a workspace's transport, else into the server's log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from textwrap import indent

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from cocoonmail.accounts.models import Workspace
from cocoonmail.accounts.walls import across
from cocoonmail.emails.mime import needs_smtputf8
from cocoonmail.emails.transport import transport_of
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.transports import (
    PROBE_TIMEOUTS,
    Accepted,
    Deferred,
    Envelope,
    Outcome,
    Refused,
    TransportSettings,
    open_transport,
)

log = logging.getLogger(__name__)

# Somebody waits at the page that sends it.
TIMEOUTS = replace(PROBE_TIMEOUTS, data=20, block=20, dot=30)


class AccountMail(BaseEmailBackend):
    """Django's way of sending mail, named in settings. Where no workspace can send, the server's log has the mail."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send each; returns how many were taken by a mail server. Never raises: a page must not say who is known."""
        return sum(_send(message) for message in email_messages)


def _send(message: EmailMessage) -> bool:
    workspace = _workspace(message.to)
    if workspace is None:
        _write_down(message, "no workspace sends by SMTP yet")
        return False
    try:
        outcome = asyncio.run(_hand_over(transport_of(workspace), _envelope(message, workspace)))
    except Unsealable as trouble:
        _write_down(message, str(trouble))
        return False
    if not isinstance(outcome, Accepted):
        _write_down(message, outcome.reason)
    return isinstance(outcome, Accepted)


@across()
def _workspace(recipients: Sequence[str]) -> Workspace | None:
    """One that can send: of those that the recipient works in, else the first."""
    can_send = Workspace.objects.exclude(transport_sealed="").exclude(sender_email="").order_by("pk")
    own = can_send.filter(members__user__email__in=[address.lower() for address in recipients])
    return own.first() or can_send.first()


def _envelope(message: EmailMessage, workspace: Workspace) -> Envelope:
    message.from_email = f"{workspace.sender_name or 'Cocoonmail'} <{workspace.sender_email}>".replace("\n", " ")
    recipient = message.to[0]
    return Envelope(workspace.sender_email, recipient, message.message().as_bytes(), needs_smtputf8(recipient))


async def _hand_over(settings: TransportSettings, envelope: Envelope) -> Outcome:
    way = open_transport(settings, TIMEOUTS)
    try:
        prepared = await way.prepare(envelope)
        return prepared if isinstance(prepared, Deferred | Refused) else await prepared.commit()
    finally:
        await way.aclose()


def _write_down(message: EmailMessage, why: str) -> None:
    """The mail for whoever runs this server, who can pass it on: self-hosted and new, there is no other way out."""
    mail = f"To: {', '.join(message.to)}\nSubject: {message.subject}\n\n{str(message.body).strip()}"
    log.warning("Account mail was not sent (%s). Here it is:\n\n%s\n", why, indent(mail, "    "))
