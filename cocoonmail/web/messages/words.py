"""What a message's status means for the person who looks at it, and what they can do."""

from __future__ import annotations

from dataclasses import dataclass

from cocoonmail.emails.again import RESENT
from cocoonmail.emails.models import Message, Status


@dataclass(frozen=True, slots=True)
class Explained:
    """The status in a sentence, what the machine knows about it, and a page that helps."""

    tone: str
    title: str
    words: str
    url: str = ""
    label: str = ""


TITLES = {
    Status.QUEUED: ("info", "Waiting to be sent"),
    Status.SENDING: ("info", "Being handed over"),
    Status.SENT: ("good", "The mail server took it"),
    Status.CAPTURED: ("good", "Captured, not sent"),
    Status.HELD: ("warn", "Held back"),
    Status.SKIPPED: ("idle", "Not sent, on purpose"),
    Status.FAILED: ("bad", "It could not be sent"),
    Status.UNKNOWN: ("bad", "It may or may not have been sent"),
}

WORDS = {
    Status.QUEUED: "A worker takes it up within a moment.",
    Status.SENDING: "All of it is with the server but the last dot; the answer is written here as soon as it comes.",
    Status.CAPTURED: "Mail is captured in this workspace: it is complete and can be looked at here, and nobody got it.",
    Status.UNKNOWN: (
        "The message was handed over completely, and then no answer came. To send it again could put it into "
        "the inbox twice. Look at the mail server's log, or ask the recipient, and then decide."
    ),
}

HELD_UP = "Nothing is sent until somebody starts it again, as after a restore."
AGAIN = "No answer came, so it goes out again by itself, once, as its loop says. Its reader may get it twice."

# What a reason speaks of, and where that is put right: the first that fits counts.
REMEDIES = [
    ("postal address", "/settings", "Add the address"),
    ("choose a sender", "/settings", "Choose a sender"),
    ("sender's address", "/settings", "Look at the sender"),
    ("certificate", "/settings/transport", "Transport settings"),
    ("log in", "/settings/transport", "Transport settings"),
    ("login", "/settings/transport", "Transport settings"),
    ("authentication", "/settings/transport", "Transport settings"),
    ("connect", "/settings/transport", "Transport settings"),
]
TRANSPORT = ("/settings/transport", "Set up a transport")


def explain(message: Message, paused: bool = False, held_up: bool = False) -> Explained:
    """A message's status for a person. `paused`: its loop stands still; `held_up`: nothing is sent at all."""
    status = Status(message.status)
    tone, title = TITLES[status]
    if status == Status.QUEUED and message.attempts and message.reason:
        title = "Will be tried again"
    words = " ".join(filter(None, [_sentence(message), WORDS.get(status, "")]))
    if status == Status.QUEUED and held_up:
        return Explained("warn", "Sending is paused", HELD_UP, "/messages", "What waits")
    if status == Status.QUEUED and paused:
        title, words = "Waiting for its loop", "The loop is paused. The message goes out when the loop goes on."
    if status == Status.QUEUED and message.reason == RESENT and not paused:
        return Explained(tone, "Will be sent again", AGAIN)
    if status == Status.CAPTURED:
        return Explained(tone, title, words, *TRANSPORT)
    return Explained(tone, title, words, *_remedy(message))


def reason_of(message: Message) -> str:
    """The reason as a page says it: with a capital, unless it begins with the name of a value."""
    reason = message.reason
    name = "." in reason.partition(" ")[0]
    return reason if name else f"{reason[:1].upper()}{reason[1:]}"


def _sentence(message: Message) -> str:
    """The reason as a sentence of its own, without the words that the title says already."""
    shown = reason_of(message)
    for said in ("May or may not have been sent: ", "Will be tried again: "):
        if shown.startswith(said):
            rest = shown.removeprefix(said)
            shown = f"{rest[:1].upper()}{rest[1:]}"
    return f"{shown.rstrip('.')}." if shown else ""


def _remedy(message: Message) -> tuple[str, str]:
    if message.status not in (Status.HELD, Status.FAILED, Status.QUEUED):
        return "", ""
    found = ((url, label) for said, url, label in REMEDIES if said in message.reason.lower())
    return next(found, ("", ""))
