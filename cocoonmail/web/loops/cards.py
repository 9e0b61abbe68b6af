"""The loop as a path of cards, each with its figures and with what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count
from django.urls import reverse

from cocoonmail.contacts.models import Event
from cocoonmail.emails.compose import Kind, check
from cocoonmail.emails.models import Email, Message, Status
from cocoonmail.emails.publish import draft_of
from cocoonmail.intake.models import EventChoice
from cocoonmail.loops.models import Frequency, Loop, Run, RunState
from cocoonmail.loops.steps import SendEmail, Step, Wait, step_after
from cocoonmail.loops.words import title_of
from cocoonmail.platforms import PLATFORMS
from cocoonmail.web.loops.samples import sample_facts, subject_of

TRIGGER = "trigger"  # Stands for a step's id in URLs

# (status, how many of it are said on a card)
SAID = [(Status.SENT, "sent"), (Status.CAPTURED, "captured"), (Status.HELD, "held"), (Status.FAILED, "failed")]
LOOKS = {Wait: ("wait", "Wait", "clock"), SendEmail: ("email", "Send email", "mail")}


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the path, as the component `step` takes it. `id` is also what new steps are added behind."""

    id: str
    kind: str
    kind_word: str
    icon: str
    title: str
    facts: Sequence[str]
    trouble: str
    url: str = ""
    here: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What the cards count: who waits at which step, which step's messages stand where."""

    waiting: Mapping[str, int]
    messages: Mapping[tuple[str, str], int]


def figures_of(loop: Loop) -> Figures:
    """Two queries."""
    waiting = Run.objects.filter(loop=loop, state=RunState.WAITING).values_list("step").annotate(Count("pk"))
    messages = Message.objects.filter(workspace_id=loop.workspace_id, loop_id=loop.pk)
    counts = messages.values_list("step", "status").annotate(Count("pk"))
    return Figures(dict(waiting), {(step, status): number for step, status, number in counts})


def cards_of(
    loop: Loop, steps: Sequence[Step], emails: Mapping[int, Email], figures: Figures, selected: str
) -> list[Card]:
    """The trigger and the steps."""
    facts = sample_facts(loop)
    titles = {pk: subject_of(email, facts) for pk, email in emails.items()}
    cards = [trigger_card(loop)]
    for step in steps:
        title = titles.get(step.email, "") if isinstance(step, SendEmail) else title_of(step, emails)
        cards.append(step_card(step, title, steps, figures, trouble(step, emails)))
    base = reverse("loop", args=[loop.pk])
    return [replace(card, url=f"{base}?step={card.id}", here=card.id == selected) for card in cards]


def trigger_card(loop: Loop) -> Card:
    """The card on top."""
    if loop.trigger is None:
        return Card(
            TRIGGER, "trigger", "Starts when", "event", "Choose an event", [], "Choose the event that starts it"
        )
    facts = [Frequency(loop.frequency).label, *senders_in_words(loop)]
    return Card(TRIGGER, "trigger", "When this event is received", "event", loop.trigger.name, facts, "")


def senders_in_words(loop: Loop) -> Iterator[str]:
    """Who sends the event, so that nobody waits for what never comes."""
    assert loop.trigger is not None
    choices = EventChoice.objects.filter(
        workspace_id=loop.workspace_id, trigger=loop.trigger.name, enabled=True, endpoint__enabled=True
    )
    senders = {(platform, type) for platform, type in choices.values_list("endpoint__platform", "type")}
    yield from (f"{PLATFORMS[name].title}: {type}" for name, type in sorted(senders) if name in PLATFORMS)
    if not senders and not Event.objects.filter(name=loop.trigger).exists():
        yield "Nothing sends it yet"


def step_card(step: Step, title: str, steps: Sequence[Step], figures: Figures, trouble: str) -> Card:
    """The card of a step."""
    kind, kind_word, icon = LOOKS[type(step)]
    return Card(step.id, kind, kind_word, icon, title, list(_facts(step, steps, figures)), trouble)


def _facts(step: Step, steps: Sequence[Step], figures: Figures) -> Iterator[str]:
    match step:
        case Wait():
            # A run that waits already names the step that it takes next.
            waiting = figures.waiting.get(step_after(steps, step.id), 0)
            if waiting and step.duration:
                yield f"{waiting:,} waiting"
        case SendEmail():
            counts = ((figures.messages.get((step.id, status), 0), word) for status, word in SAID)
            yield from (f"{number:,} {word}" for number, word in counts if number)


def trouble(step: Step, emails: Mapping[int, Email]) -> str:
    """What keeps a step from being published, in words; "" where nothing does."""
    if not isinstance(step, SendEmail):
        return ""
    email = emails.get(step.email)
    if email is None:
        return "Its email is gone: remove this step"
    wrong = [problem for problem in check(draft_of(email)) if not problem.warning]
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"{wrong[0].message}{more}" if wrong else ""


def holds_back(loop: Loop, steps: Sequence[Step], emails: Mapping[int, Email]) -> list[str]:
    """What in the workspace's settings would hold this loop's messages back, in words."""
    used = [emails[step.email] for step in steps if isinstance(step, SendEmail) and step.email in emails]
    found = []
    if not loop.workspace.sender_email and any(not email.from_email for email in used):
        found.append("There is no sender yet, so every email of this loop would be held.")
    if not loop.workspace.address.strip() and any(email.kind == Kind.MARKETING for email in used):
        found.append("Marketing emails must carry your postal address. Until you add it, they are held.")
    return found
