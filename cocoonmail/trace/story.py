"""A contact's story: everything that happened to them and every email that was or was not sent, each with its why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from cocoonmail.contacts.models import Contact, Event
from cocoonmail.contacts.suppression import suppression_of
from cocoonmail.emails.again import RESENT
from cocoonmail.emails.models import Email, Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.loops.models import Loop, LoopState, Run, RunState
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.loops.words import called
from cocoonmail.platforms import PLATFORMS
from cocoonmail.trace.entering import Doors, doors_of, entrances

EACH_MAX = 200  # The newest of each kind that are told

# In which order things that happen at the same moment follow from each other.
KINDS = ["delivery", "created", "event", "run", "message", "waiting", "finished", "unsubscribed", "stopped"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened: `title` what, `detail` why. `tone` is good, info, warn, bad or idle.

    `link_kind` and `link_id` lead to its delivery (of `platform`), loop or message; "" and 0 where there is no page.
    """

    at: datetime
    kind: str
    title: str
    detail: str
    link_kind: str = ""
    link_id: int = 0
    tone: str = "info"
    platform: str = ""


def story(contact: Contact) -> list[Moment]:
    """The contact's moments in time order; those that lie ahead come last. A bounded number of queries."""
    runs = list(_runs(contact))
    loops = {run.loop_id: run.loop for run in runs}
    moments = [
        _created(contact),
        *map(_delivered, _deliveries(contact)),
        *_events(contact, runs),
        *(moment for run in runs for moment in _passage(run, _emails(runs))),
        *(_message(message, loops.get(message.loop_id or 0)) for message in _messages(contact)),
        *_unsubscribed(contact),
        *_stopped(contact),
    ]
    return sorted(moments, key=lambda moment: (moment.at, KINDS.index(moment.kind)))


def _created(contact: Contact) -> Moment:
    by = f"By {contact.source}" if contact.source else "By hand"
    where = ", in test mode" if contact.test else ""
    return Moment(contact.created_at, "created", "Added to the audience", f"{by}{where}")


def _deliveries(contact: Contact) -> QuerySet[Delivery]:
    mine = Delivery.objects.filter(workspace_id=contact.workspace_id, contact=contact)
    return mine.select_related("endpoint").defer("body", "headers").order_by("-received_at")[:EACH_MAX]


TONES_OF_DELIVERIES = {
    DeliveryState.DONE: "idle",
    DeliveryState.FAILED: "bad",
    DeliveryState.PARKED: "warn",
    DeliveryState.NO_ADDRESS: "warn",
}


def _delivered(delivery: Delivery) -> Moment:
    name = delivery.endpoint.platform
    title = PLATFORMS[name].title if name in PLATFORMS else name
    tone = TONES_OF_DELIVERIES.get(DeliveryState(delivery.state), "info")
    detail = sentence(delivery.understood, delivery.result)
    return Moment(
        delivery.received_at, "delivery", f"{title} sent {delivery.type}", detail, "delivery", delivery.pk, tone, name
    )


def sentence(*words: str) -> str:
    """The words that are there, as sentences."""
    told = [one.strip().rstrip(".") for one in words if one.strip()]
    return " ".join(f"{one[:1].upper()}{one[1:]}." for one in told)


def _events(contact: Contact, runs: Sequence[Run]) -> Iterator[Moment]:
    events = list(Event.objects.filter(contact=contact).select_related("name").order_by("-recorded_at")[:EACH_MAX])
    doors = doors_of(contact.workspace_id, events) if events else Doors([], {})
    told_by = Delivery.objects.filter(pk__in=[event.delivery_id for event in events if event.delivery_id])
    platforms = dict(told_by.values_list("pk", "endpoint__platform"))
    for event in events:
        begun = any(run.event_id == event.pk for run in runs)
        detail = sentence("; ".join(entrances(event, doors, runs)))
        platform = platforms.get(event.delivery_id or 0, "")
        link = ("delivery", event.delivery_id or 0) if platform else ("", 0)
        title = f"{event.name} happened{' in test mode' if event.test else ''}"
        yield Moment(
            event.recorded_at, "event", title, detail, *link, tone="info" if begun else "idle", platform=platform
        )


def _runs(contact: Contact) -> QuerySet[Run]:
    runs = Run.objects.filter(contact=contact).select_related("loop", "version", "event__name")
    return runs.order_by("-started_at")[:EACH_MAX]


def _emails(runs: Sequence[Run]) -> dict[int, Email]:
    waiting = [run.version for run in runs if run.state == RunState.WAITING]
    wanted = {step.email for version in waiting for step in read_steps(version.steps) if isinstance(step, SendEmail)}
    return dict(Email.objects.in_bulk(wanted)) if wanted else {}


def _passage(run: Run, emails: dict[int, Email]) -> Iterator[Moment]:
    """Where a run began, and where it stands or ended."""
    yield Moment(run.started_at, "run", f"Entered “{run.loop}”", f"By {run.event.name}.", "loop", run.loop_id)
    match RunState(run.state):
        case RunState.WAITING:
            yield _waiting(run, emails)
        case RunState.FINISHED if run.finished_at:
            detail = sentence(run.reason)
            yield Moment(
                run.finished_at, "finished", f"Came to the end of “{run.loop}”", detail, "loop", run.loop_id, "idle"
            )
        case _:
            at, reason = run.finished_at or run.started_at, run.reason.strip().splitlines()[-1:]
            yield Moment(at, "finished", f"Stopped in “{run.loop}”", sentence(*reason), "loop", run.loop_id, "bad")


def _waiting(run: Run, emails: dict[int, Email]) -> Moment:
    step = next((step for step in read_steps(run.version.steps) if step.id == run.step), None)
    following = f"next: {called(step, emails)}" if step else "then it is at the end"
    at = run.due_at or run.started_at
    if run.loop.state == LoopState.LIVE:
        return Moment(at, "waiting", f"Waits in “{run.loop}”", sentence(following), "loop", run.loop_id)
    held = f"the loop is {run.loop.get_state_display().lower()}, so nothing goes on until it is live"
    return Moment(at, "waiting", f"Waits in “{run.loop}”", sentence(following, held), "loop", run.loop_id, "warn")


def _messages(contact: Contact) -> QuerySet[Message]:
    messages = Message.objects.filter(workspace_id=contact.workspace_id, contact=contact)
    return messages.select_related("version").defer("facts", "conversation").order_by("-created_at")[:EACH_MAX]


# (what is said behind the message's name, its tone, what explains it where the message itself has no reason)
SAID = {
    Status.QUEUED: ("is on its way", "info", ""),
    Status.SENDING: ("is being handed over", "info", ""),
    Status.SENT: ("was sent", "good", ""),
    Status.CAPTURED: ("was captured", "good", "kept here instead of sent, for no transport is set up"),
    Status.HELD: ("was held", "warn", ""),
    Status.SKIPPED: ("was not sent", "warn", ""),
    Status.FAILED: ("failed", "bad", ""),
    Status.UNKNOWN: ("may or may not have been sent", "bad", ""),
}


def _message(message: Message, loop: Loop | None) -> Moment:
    words, tone, otherwise = SAID[Status(message.status)]
    accepted = message.receipt if message.status == Status.SENT else ""
    title = f"“{message.subject or message.version.name}” {words}"
    waits = message.status == Status.QUEUED and loop is not None and loop.state == LoopState.PAUSED
    held = "the loop is paused, so it waits" if waits else ""
    by = f"by the loop “{loop}”" if loop else ""
    detail = sentence(by, message.reason or otherwise, _decided(message), accepted, held)
    return Moment(message.sent_at or message.created_at, "message", title, detail, "message", message.pk, tone)


def _decided(message: Message) -> str:
    """What was decided about it since it was made, where its reason does not say so itself."""
    by_its_loop = message.resent_at is not None and message.reason != RESENT
    by_a_person = message.released_at is not None and message.released_at != message.resent_at
    said = [RESENT] if by_its_loop else []
    return "; ".join([*said, "a person said to send it after all"] if by_a_person else said)


def _unsubscribed(contact: Contact) -> Iterator[Moment]:
    if not contact.subscribed and contact.unsubscribed_at:
        detail = "Marketing emails skip this contact from here on. Transactional ones go out."
        yield Moment(contact.unsubscribed_at, "unsubscribed", "Unsubscribed", detail, tone="warn")


def _stopped(contact: Contact) -> Iterator[Moment]:
    if suppression := suppression_of(contact):
        detail = sentence(suppression.get_reason_display(), suppression.note, "no email of any kind goes there")
        yield Moment(suppression.created_at, "stopped", f"All mail to {contact.email} was stopped", detail, tone="bad")
