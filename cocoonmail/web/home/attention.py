"""What needs a person: each trouble in a sentence, with the one click that leads to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cocoonmail.accounts.epoch import paused
from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.platforms import PLATFORMS
from cocoonmail.trace.waiting import waiting
from cocoonmail.web.shared.counting import count_of, in_words

URGENCY = ("bad", "warn", "info", "idle")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that does not get better by itself. `post`: the click changes something."""

    tone: str
    title: str
    words: str
    action: str
    url: str
    post: bool = False


def attention(workspace: Workspace) -> list[Trouble]:
    """Everything that needs a person, the most urgent first."""
    found = [*_paused(workspace), *_messages(workspace), *_endpoints(workspace), *_sending(workspace)]
    return sorted(found, key=lambda one: URGENCY.index(one.tone))


def _paused(workspace: Workspace) -> Iterator[Trouble]:
    """After a restore nothing is sent until a person has seen what would be."""
    if (row := paused()) is None:
        return
    found = waiting(Message.objects.filter(workspace=workspace))
    one = "1 message waits" if found.count == 1 else f"{found.count:,} messages wait"
    since = f", the oldest since {found.oldest:%d %b %Y, %H:%M} UTC" if found.oldest else ""
    loops = "; ".join(f"{name}: {many:,}" for name, many in found.loops)
    words = f"{_sentence(row.pause_reason)} {one}{since}{f' ({loops})' if loops else ''}."
    yield Trouble("bad", "Sending is paused", words, "Look, and start it or discard them", "/messages")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


# (status, tone, what one is called, what many are called, why it matters)
STANDING = [
    (Status.UNKNOWN, "bad", "message may or may not have been sent", "messages may or may not have been sent",
     "No answer came after they were handed over. Decide: they arrived, or send them again."),
    (Status.FAILED, "bad", "message could not be sent", "messages could not be sent", "The mail server refused them."),
    (Status.HELD, "warn", "message is held back", "messages are held back",
     "Something is missing in them, or they waited too long to go out without you."),
]  # fmt: skip


def _messages(workspace: Workspace) -> Iterator[Trouble]:
    mine = Message.objects.filter(workspace=workspace)
    for status, tone, one, many, words in STANDING:
        count = count_of(mine.filter(status=status))
        if count:
            title = f"{in_words(count)} {one if count == 1 else many}"
            yield Trouble(tone, title, words, "Look", f"/messages?status={status.value}")


def _endpoints(workspace: Workspace) -> Iterator[Trouble]:
    for endpoint in Endpoint.objects.filter(workspace=workspace).prefetch_related("secrets").order_by("pk"):
        yield from _endpoint(endpoint)


def _endpoint(endpoint: Endpoint) -> Iterator[Trouble]:
    base, title = f"/integrations/{endpoint.platform}/{endpoint.pk}", _platform(endpoint)
    failed = count_of(Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.FAILED))
    if failed:
        said = "delivery" if failed == 1 else "deliveries"
        words = "What they set off is missing until they are processed again."
        url = f"{base}/deliveries?state=failed"
        yield Trouble("bad", f"{in_words(failed)} {said} of “{endpoint}” could not be processed", words, "Look", url)
    if not endpoint.secrets.all():
        words = f"Everything that {title} sends there is refused."
        yield Trouble("warn", f"“{endpoint}” has no signing secret", words, "Add the secret", f"{base}#secret")
    if endpoint.first_live_at is not None and endpoint.process_test:
        words = f"A test in {title} makes contacts and sends emails here as a sale does, beside the live events."
        url = f"{base}/only-log-test-events"
        yield Trouble("warn", f"“{endpoint}” still processes test events", words, "Only log them", url, post=True)


def _platform(endpoint: Endpoint) -> str:
    known = PLATFORMS.get(endpoint.platform)
    return known.title if known else endpoint.platform


def _sending(workspace: Workspace) -> Iterator[Trouble]:
    if not workspace.sender_email:
        words = "Emails that name no sender of their own are held back."
        yield Trouble("warn", "There is no sender yet", words, "Choose a sender", "/settings#sender")
    if not workspace.address:
        words = "Marketing emails must carry it, and are held back without."
        yield Trouble("warn", "There is no postal address", words, "Add the address", "/settings#sender")
    if not workspace.transport_sealed:
        words = "It is complete and can be looked at on the Messages page; nobody gets it."
        yield Trouble("idle", "Mail is captured, not sent", words, "Set up a transport", "/settings/transport")
