"""Our finished MIME, read back into the values that a provider's API wants."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage as Parsed
from hashlib import sha256

from django.core.mail import EmailMultiAlternatives

from cocoonmail.transports.base import Envelope

# The provider writes the other headers itself, and says its own of what it signs.
CARRIED = (
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
    "Feedback-ID",
    "X-Auto-Response-Suppress",
)
KEY_MAX = 256  # Characters of an idempotency key that Resend takes


def parsed(envelope: Envelope) -> Parsed:
    """The message as the standard library reads it."""
    message = message_from_bytes(envelope.data, policy=policy.default)
    assert isinstance(message, Parsed)
    return message


def name_of(message: Parsed, envelope: Envelope) -> str:
    """What names this message at every attempt: its Message-ID without < >, or its bytes' hash where it has none."""
    name = str(message["Message-ID"] or "").strip("<> ")
    return (name or sha256(envelope.data).hexdigest())[:KEY_MAX]


def for_django(message: Parsed, envelope: Envelope, also: dict[str, str]) -> EmailMultiAlternatives:
    """The message for an email backend of Django's, with the headers of `also` besides those that are carried."""
    headers = {name: " ".join(str(message[name]).split()) for name in CARRIED if message[name]}
    letter = EmailMultiAlternatives(
        subject=str(message["Subject"] or ""),
        body=_body(message, "plain"),
        from_email=", ".join(_mailboxes(message["From"])),
        to=[envelope.recipient],
        reply_to=_mailboxes(message["Reply-To"]),
        headers={**headers, **also},
    )
    if html := _body(message, "html"):
        letter.attach_alternative(html, "text/html")
    return letter


def _mailboxes(header: AddressHeader | None) -> list[str]:
    return [str(address) for address in header.addresses] if header is not None else []


def _body(message: Parsed, subtype: str) -> str:
    part = message.get_body((subtype,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
