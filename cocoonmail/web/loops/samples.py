"""What an email may say about a person and an event: the values it can merge in, and samples to preview it with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.changes import Unreadable
from cocoonmail.contacts.models import ContactProperty, Event, EventName
from cocoonmail.emails.facts import facts_of
from cocoonmail.emails.liquid import fill
from cocoonmail.emails.models import Email
from cocoonmail.intake.models import EventChoice
from cocoonmail.loops.gallery import BY_KEY, TEMPLATES
from cocoonmail.loops.models import Loop
from cocoonmail.loops.words import line_of
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Announcement
from cocoonmail.platforms.stripe.properties import properties_of
from cocoonmail.web.shared.mailview import facts_here

# Which properties a platform's events can carry, and their types, by event type.
DOCUMENTED: Mapping[str, Callable[[str], Mapping[str, str]]] = {"stripe": properties_of}

RECENT_MAX = 10  # Events to preview with
SECRET = "whsec_sample"  # noqa: S105 - signs samples that nobody receives
CREATED = 1_795_000_000  # The moment of sample events, in seconds since 1970: the same at every look

CONTACT = {
    "email": "ada@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "userGroup": "Customers",
    "userId": "4711",
    "source": "Stripe webhook",
}
BY_TYPE: Mapping[str, Any] = {"number": 42, "boolean": True, "date": "2026-11-23", "list": []}


@dataclass(frozen=True, slots=True)
class Tag:
    """A merge tag, what kind of value it gives, and an example."""

    source: str
    type: str
    example: str


def contact_tags(workspace: Workspace) -> list[Tag]:
    """What can be said about the contact."""
    own = ContactProperty.objects.filter(workspace=workspace).order_by("name").values_list("name", "type")
    known = [_tag("contact", name, "string", value) for name, value in CONTACT.items()]
    return known + [_tag("contact", name, type, BY_TYPE.get(type, "")) for name, type in own]


def event_tags(workspace: Workspace, trigger: EventName | None) -> list[Tag]:
    """What can be said about the event: what was seen on it, and what its platform documents."""
    if trigger is None:
        return []
    samples, source = sample_properties(workspace, trigger), source_of(workspace, trigger.name)
    documented = DOCUMENTED[source[0]](source[1]) if source and source[0] in DOCUMENTED else {}
    types = {**{name: _type(value) for name, value in samples.items()}, **trigger.properties, **documented}
    return [_tag("event", name, types[name], samples.get(name, "")) for name in sorted(types)]


def _tag(root: str, name: str, type: str, example: Any) -> Tag:
    example = "" if isinstance(example, list | dict) else str(example)
    path = f"{root}.{name}" if name.isidentifier() else f'{root}["{name}"]'
    if type == "list":
        return Tag(f"{{% for item in {path} %}}{{{{ item.description | default: '' }}}}{{% endfor %}}", type, example)
    return Tag(f"{{{{ {path} | default: '' }}}}", type, example)


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, list | tuple):
        return "list"
    return "number" if isinstance(value, int | float) else "string"


def recent_events(loop: Loop) -> list[Event]:
    """The newest events that this loop waits for."""
    if loop.trigger_id is None:
        return []
    events = Event.objects.filter(name_id=loop.trigger_id).select_related("contact").order_by("-recorded_at")
    return list(events[:RECENT_MAX])


def chosen_event(loop: Loop, chosen: str) -> Event | None:
    """The event of this id, if it is one that this loop waits for."""
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) < 19 and loop.trigger_id):
        return None
    mine = Event.objects.filter(workspace=loop.workspace, name_id=loop.trigger_id)
    return mine.select_related("contact", "workspace").filter(pk=int(chosen)).first()


def facts_of_event(event: Event) -> dict[str, Any]:
    """What an email that this event sets off could say."""
    return facts_here(event.workspace, facts_of(event.workspace, event.contact, event.properties))


def sample_facts(loop: Loop) -> dict[str, Any]:
    """Samples of what this loop's emails may say, whichever email it is."""
    workspace = loop.workspace
    custom = ContactProperty.objects.filter(workspace=workspace).values_list("name", "type")
    contact = {**{name: BY_TYPE.get(type, f"{name} of Ada") for name, type in custom}, **CONTACT}
    event = sample_properties(workspace, loop.trigger) if loop.trigger else {}
    return facts_here(workspace, {"contact": contact, "event": event})


def for_email(facts: Mapping[str, Any], email: Email) -> dict[str, Any]:
    """The facts with the samples of the template that the email began as."""
    template = BY_KEY.get(email.template)
    return {**facts, "event": {**facts["event"], **(template.sample["event"] if template else {})}}


def subject_of(email: Email, facts: Mapping[str, Any]) -> str:
    """The email's subject with sample values; its name, where it cannot be filled."""
    filled = fill(email.subject, for_email(facts, email), html=False)
    return filled.strip() or email.name if isinstance(filled, str) else line_of(email)


def sample_properties(workspace: Workspace, trigger: EventName) -> dict[str, Any]:
    """Sample values for an event of this name: its platform's own, else its template's, else one per type seen."""
    seen = {name: BY_TYPE.get(type, f"sample {name}") for name, type in trigger.properties.items()}
    template = next((one for one in TEMPLATES if one.suggested_event == trigger.name), None)
    source = source_of(workspace, trigger.name)
    return {**seen, **(template.sample["event"] if template else {}), **(rehearsed(*source) if source else {})}


def source_of(workspace: Workspace, name: str) -> tuple[str, str] | None:
    """The platform and its event type that send this event: as an endpoint is set up, else as is suggested."""
    choices = EventChoice.objects.filter(workspace=workspace, trigger=name, endpoint__platform__in=list(PLATFORMS))
    chosen: tuple[str, str] | None = choices.values_list("endpoint__platform", "type").first()
    return chosen or next(_suggesting(name), None)


def _suggesting(name: str) -> Iterator[tuple[str, str]]:
    for platform in PLATFORMS.values():
        yield from ((platform.name, type.name) for type in platform.events.values() if type.suggested == name)


@lru_cache(maxsize=100)
def rehearsed(platform_name: str, type: str) -> dict[str, Any]:
    """The properties of the platform's own sample event of this type, {} where it has none."""
    platform = PLATFORMS[platform_name]
    if platform.rehearse is None or type not in platform.events:
        return {}
    body, _ = platform.rehearse(
        type,
        email=CONTACT["email"],
        name="Ada Lovelace",
        now=CREATED,
        livemode=False,
        token="0" * 16,
        secret=SECRET,
        again=False,
    )
    announced = platform.announce(body)
    if not isinstance(announced, Announcement):
        return {}
    try:
        return dict(platform.events[type].read(announced, json.loads(body)).happening.properties)
    except Unreadable:
        return {}
