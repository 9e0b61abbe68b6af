"""From a message to the bytes that leave: what is merged in, who it is from, how its reader can unsubscribe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.conf import settings

from cocoonmail.emails.compose import Compiled, Kind
from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.models import Message
from cocoonmail.emails.render import Held, Rendered, render, render_encoded
from cocoonmail.emails.signing import signer_of
from cocoonmail.kit.secrets import Unsealable, signature, signature_holds

CANNOT_SIGN = f"it cannot be signed (Settings, Domains): {Unsealable.__doc__}"
UNSUBSCRIBE_PURPOSE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to leave: its envelope's two addresses, its Message-ID, its subject and its bytes."""

    sender: str
    recipient: str
    message_id: str
    subject: str
    data: bytes


def write(message: Message) -> Letter | Held:
    """The letter of a message, the same at every attempt; or why it cannot be written."""
    html = b""
    match render_encoded(_signed_by_sender(message), _facts(message)):
        case Held() as held:
            return held
        case Rendered() as rendered:
            pass
        case (rendered, html):
            pass
    domain = rendered.from_email.rpartition("@")[2]
    headers = Headers(
        message_id=f"<{message.token}@{domain}>",
        date=message.created_at,
        to_email=message.to_email,
        unsubscribe_url=unsubscribe_url(message) if message.kind == Kind.MARKETING else "",
        feedback_id=f"{message.loop_id or 0}:{message.version_id}:{message.workspace_id}:cocoonmail",
    )
    data = build(rendered, headers, html)
    try:
        if sign := signer_of(message.workspace_id, rendered.from_email):
            data = sign(data, message.created_at) + data
    except Unsealable:
        return Held(CANNOT_SIGN)
    return Letter(rendered.from_email, message.to_email, headers.message_id, rendered.subject, data)


def merge(message: Message) -> Rendered | Held:
    """The message's content, with its facts merged in, for people to look at."""
    return render(_signed_by_sender(message), _facts(message))


def _signed_by_sender(message: Message) -> Compiled:
    """The message's published email, from the workspace's sender of that day where it names none of its own."""
    sender = message.facts.get("sender", {})
    names = sender.get("name", ""), sender.get("email", ""), sender.get("reply_to", "")
    key = message.version_id, *names
    if key not in _kept:
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        _kept[key] = _sent_as(Compiled.from_json(message.version.compiled), *names)
    return _kept[key]


def _sent_as(compiled: Compiled, name: str, email: str, reply_to: str) -> Compiled:
    return replace(
        compiled,
        from_name=compiled.from_name or name,
        from_email=compiled.from_email or email,
        reply_to=compiled.reply_to or reply_to,
    )


def _facts(message: Message) -> dict[str, Any]:
    facts = {name: value for name, value in message.facts.items() if name != "sender"}
    if message.kind == Kind.MARKETING:
        facts["unsubscribe_url"] = unsubscribe_url(message)
    return facts


# Published versions never change, so their compiled form can be kept by id and sender.
_kept: dict[tuple[int, str, str, str], Compiled] = {}
KEPT_MAX = 1000


def unsubscribe_url(message: Message) -> str:
    """The link with which the reader of this message unsubscribes: bound to them, not to be forged, without an end."""
    subject = f"{message.workspace_id}.{message.contact_id}.{message.pk}"
    return f"{settings.BASE_URL}/unsubscribe/{subject}.{_signed(subject)}"


def read_unsubscribe_token(token: str) -> tuple[int, int, int] | None:
    """(workspace id, contact id, message id) of an unsubscribe link; None when it was not made by us."""
    subject, _, tag = token.rpartition(".")
    if not subject or not signature_holds(UNSUBSCRIBE_PURPOSE, subject, tag):
        return None
    workspace, contact, message = subject.split(".")
    # A message whose contact was deleted before it was written has nobody who could unsubscribe.
    return (int(workspace), int(contact), int(message)) if contact.isdigit() else None


@lru_cache(maxsize=1000)
def _signed(subject: str) -> str:
    return signature(UNSUBSCRIBE_PURPOSE, subject)
