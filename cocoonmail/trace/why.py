"""Why this person did, or did not, get which email: in words, one line a decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from cocoonmail.accounts.epoch import why_paused
from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.addresses import Address, NotAnAddress, parse
from cocoonmail.contacts.models import Contact, Event, PlatformCustomer
from cocoonmail.contacts.suppression import suppressed, suppression_of
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery
from cocoonmail.loops.models import Loop, LoopState, Run
from cocoonmail.trace.entering import Doors, doors_of, shut, silence
from cocoonmail.trace.story import Moment, story

SHOWN_MAX = 10  # Deliveries that named somebody who is not here
LOOKED_THROUGH = 2000  # Newest deliveries without a contact whose bodies are searched for the address


def why(workspace: Workspace, email: str, loop_name: str | None = None) -> list[str]:
    """What is known of this address and what it explains; about one loop if named. Last, why no mail may leave."""
    lines = _why(workspace, email, loop_name)
    if paused := why_paused():
        lines.append(f"No email leaves now, for sending is paused: {paused}.")
    return lines


def _why(workspace: Workspace, email: str, loop_name: str | None) -> list[str]:
    try:
        address = parse(email)
    except NotAnAddress as error:
        return [f"{error}."]
    contact = Contact.objects.filter(workspace=workspace, email_key=address.key).first()
    if contact is None:
        return [*_stranger(workspace, address.email, address.key), *_stopped(workspace, address)]
    if loop_name:
        return list(_about_loop(contact, loop_name))
    return list(_everything(contact))


def _stranger(workspace: Workspace, email: str, key: str) -> Iterator[str]:
    """Nobody has this address: what was told of it, and what became of that."""
    named = _deliveries_naming(workspace, email, key)
    words = "1 delivery named it" if len(named) == 1 else f"{len(named)} deliveries named it"
    if not named:
        yield f"No contact has the address {email}, and no delivery named it."
        yield "Either nothing was sent to an endpoint about this person, or it was refused: see the endpoint's page."
        return
    yield f"No contact has the address {email}; {words}:"
    yield from map(_became, named[:SHOWN_MAX])


def _stopped(workspace: Workspace, address: Address) -> Iterator[str]:
    """That mail to an address is stopped although nobody has it: the next one who comes with it gets none."""
    for reason in suppressed([workspace.pk], [address.key]).values():
        yield f"All mail to {address.email} is stopped, whoever has the address: {reason.label}."


def _became(delivery: Delivery) -> str:
    """What became of one delivery."""
    state, result = delivery.get_state_display().lower(), delivery.result or "not processed yet"
    sent = f"{delivery.endpoint} sent {delivery.type} ({delivery.external_id})"
    return f"{_at(delivery.received_at)}  {sent}: {state}, {result}"


def _deliveries_naming(workspace: Workspace, email: str, key: str) -> list[Delivery]:
    """The deliveries without a contact that name an address, newest first."""
    mine = (
        Delivery.objects.filter(workspace=workspace, contact=None).select_related("endpoint").order_by("-received_at")
    )
    said = Q(understood__icontains=email) | Q(result__icontains=email)
    told = {delivery.pk: delivery for delivery in mine.filter(said)[:SHOWN_MAX]}
    # What was ignored or parked was never put into words: its body is asked itself.
    wanted = {email.casefold().encode(), key.encode()}
    for delivery in mine[:LOOKED_THROUGH].iterator():
        body = bytes(delivery.body).lower()
        if any(one in body for one in wanted):
            told.setdefault(delivery.pk, delivery)
    return sorted(told.values(), key=lambda delivery: delivery.received_at, reverse=True)


def _everything(contact: Contact) -> Iterator[str]:
    """The whole story, then every loop that has no part in it."""
    yield _introduced(contact)
    yield from map(_line, story(contact))
    yield from _unsettled(contact)
    doors = doors_of(contact.workspace_id, ())
    if not doors.loops:
        yield "There is no loop yet, so no event can send anything."
    had = set(Event.objects.filter(contact=contact).values_list("name_id", flat=True))
    entered = set(Run.objects.filter(contact=contact).values_list("loop_id", flat=True))
    for loop in doors.loops:
        if loop.pk not in entered and not had & {
            loop.trigger_id,
            loop.published.trigger_id if loop.published else None,
        }:
            yield f"{_capital(silence(loop, contact))}."


def _introduced(contact: Contact) -> str:
    state = "subscribed" if contact.subscribed else "unsubscribed: marketing emails skip them"
    suppression = suppression_of(contact)
    stop = f", and all mail to them is stopped: {suppression.get_reason_display()}" if suppression else ""
    mode = ", seen in test mode only" if contact.test else ""
    return f"{contact.email} is a contact since {_at(contact.created_at)} ({state}{stop}{mode})."


def _line(moment: Moment) -> str:
    return f"{_at(moment.at)}  {moment.title}{f': {moment.detail}' if moment.detail else ''}"


def _unsettled(contact: Contact) -> Iterator[str]:
    for customer in PlatformCustomer.objects.filter(contact=contact):
        if customer.conflict:
            yield f"{customer.external_id}: {customer.conflict}."
    waiting = Message.objects.filter(contact=contact, status=Status.QUEUED, loop_id__isnull=False)
    paused = Loop.objects.filter(workspace_id=contact.workspace_id, state=LoopState.PAUSED)
    for loop in paused.filter(pk__in=waiting.values("loop_id")):
        yield f"“{loop}” is paused: its queued messages stay until it goes on."


def _about_loop(contact: Contact, name: str) -> Iterator[str]:
    """One loop, and each of its events that happened to the contact."""
    mine = list(Event.objects.filter(contact=contact).select_related("name").order_by("recorded_at"))
    doors = doors_of(contact.workspace_id, mine)
    loop = next((loop for loop in doors.loops if loop.name.casefold() == name.casefold()), None)
    if loop is None:
        names = ", ".join(f"“{loop}”" for loop in doors.loops) or "none yet"
        yield f"There is no loop named “{name}”. There are: {names}."
        return
    yield _introduced(contact)
    yield _standing(loop)
    listens = {loop.trigger_id, loop.published.trigger_id if loop.published else None} - {None}
    events = [event for event in mine if event.name_id in listens]
    if not events:
        yield f"{_capital(silence(loop, contact))}."
    runs = list(Run.objects.filter(contact=contact, loop=loop).select_related("loop", "version", "event__name"))
    yield from (line for event in events for line in _about_event(event, loop, doors, runs))
    yield from (_line(moment) for moment in story(contact) if _of_loop(moment, loop))


def _standing(loop: Loop) -> str:
    waits_for = loop.published.trigger if loop.published else loop.trigger
    frequency = loop.get_frequency_display().lower()
    state = {LoopState.DRAFT: "a draft"}.get(LoopState(loop.state), loop.get_state_display().lower())
    if waits_for is None:
        return f"“{loop}” has no trigger yet, so nothing starts it."
    since = f" since {_at(loop.paused_at)}" if loop.state == LoopState.PAUSED and loop.paused_at else ""
    return f"“{loop}” is {state}{since}; it starts with {waits_for}, {frequency}."


def _about_event(event: Event, loop: Loop, doors: Doors, runs: Sequence[Run]) -> Iterator[str]:
    if not any(run.event_id == event.pk for run in runs):
        yield f"{_at(event.recorded_at)}  {event.name} happened, but {shut(loop, event, doors, runs)}."


def _of_loop(moment: Moment, loop: Loop) -> bool:
    if moment.link_kind == "message":
        return Message.objects.filter(pk=moment.link_id, loop_id=loop.pk).exists()
    return moment.kind in ("unsubscribed", "stopped") or (moment.link_kind == "loop" and moment.link_id == loop.pk)


def _at(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
