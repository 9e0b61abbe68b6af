"""What an endpoint does with each event type: one small form a row, in human fields instead of JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.http import QueryDict

from cocoonmail.contacts.changes import Removal
from cocoonmail.contacts.record import event_names
from cocoonmail.intake.conditions import BadCondition, read_condition
from cocoonmail.intake.models import Endpoint, EventChoice
from cocoonmail.platforms.base import EventType, Platform

IDS_MAX = 50  # Products or prices in one condition

REMOVALS = [
    (Removal.KEEP.value, "Keep the contact as it is"),
    (Removal.UNSUBSCRIBE.value, "Unsubscribe the contact"),
    (Removal.DELETE.value, "Delete the contact"),
]
MODES = [("", "Test and live"), ("live", "Only live mode"), ("test", "Only test mode")]


class ChoiceForm(forms.Form):
    """One event type: on or off, the event that it triggers, and what few people need."""

    enabled = forms.BooleanField(required=False, widget=forms.CheckboxInput(attrs={"class": "switch"}))
    trigger = forms.CharField(
        label="Trigger an event", max_length=100, required=False,
        widget=forms.TextInput(attrs={"list": "event-names", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    sync_names = forms.BooleanField(label="Sync first and last name", required=False)
    noise_triggers = forms.BooleanField(
        label="Trigger for every small change", required=False,
        help_text="Otherwise only changes to the email, name, phone, address or metadata trigger the event.",
    )  # fmt: skip
    removal = forms.ChoiceField(label="When the customer is deleted", choices=REMOVALS, required=False)
    mode = forms.ChoiceField(label="Mode", choices=MODES, required=False)
    products = forms.CharField(label="Only these products", max_length=2000, required=False)
    prices = forms.CharField(label="Only these prices", max_length=2000, required=False)
    metadata = forms.CharField(
        label="Only with this metadata", max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "app=acme"}), help_text="One key=value a line.",
    )  # fmt: skip
    amount_min = forms.IntegerField(
        label="Minimum amount", min_value=0, max_value=10**12, required=False,
        help_text="In the smallest unit: 500 is 5.00 EUR.",
    )  # fmt: skip
    currency = forms.RegexField(
        label="Only this currency", regex=r"^[A-Za-z]{3}$", required=False,
        error_messages={"invalid": "A currency code has three letters, such as EUR."},
    )  # fmt: skip

    def __init__(self, event: EventType, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["enabled"].label = event.name
        trigger = self.fields["trigger"].widget.attrs
        trigger |= {"placeholder": event.suggested or "no event", "aria-label": f"Trigger an event for {event.name}"}
        self.fields["products"].widget.attrs["placeholder"] = "prod_…, prod_…"
        self.fields["prices"].widget.attrs["placeholder"] = "price_…, price_…"
        self.fields["currency"].widget.attrs |= {"placeholder": "EUR", "maxlength": 3}
        if not event.removal:
            del self.fields["removal"]
        if not event.name.endswith(".updated"):
            del self.fields["noise_triggers"]

    def clean_trigger(self) -> str:
        """An event name, in one line."""
        name: str = self.cleaned_data["trigger"]
        if not name.isprintable():
            raise forms.ValidationError("An event's name is one line of plain characters.")
        return name

    def clean_metadata(self) -> dict[str, str]:
        """The lines as a mapping."""
        lines = [line.strip() for line in self.cleaned_data["metadata"].splitlines() if line.strip()]
        pairs = [line.partition("=") for line in lines]
        if any(not equals or not key.strip() for key, equals, _ in pairs):
            raise forms.ValidationError("Write one key=value a line, for example app=acme.")
        return {key.strip(): value.strip() for key, _, value in pairs}

    def clean(self) -> dict[str, Any]:
        """The condition in its JSON form, checked by the rules that hold everywhere."""
        data = super().clean() or self.cleaned_data
        parts = {name: _PARTS[name](data.get(name)) for name in _PARTS}
        asked = {name: value for name, value in parts.items() if value not in ("", [], {}, None)}
        try:
            data["condition"] = read_condition(asked)
        except BadCondition as error:
            raise forms.ValidationError(str(error)) from error
        return data


def _ids(text: str | None) -> list[str]:
    return [one for one in re.split(r"[\s,;]+", text or "") if one][:IDS_MAX]


_PARTS: Mapping[str, Any] = {
    "mode": lambda value: value or "",
    "products": _ids,
    "prices": _ids,
    "metadata": lambda value: value or {},
    "amount_min": lambda value: value,
    "currency": lambda value: (value or "").upper(),
}


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """One event type as the page shows it. `special` says in words what its options change, "" for nothing."""

    event: EventType
    form: ChoiceForm
    on: bool
    special: str

    @property
    def opened(self) -> bool:
        """Whether the options must be visible: something in them is wrong."""
        return bool(set(self.form.errors) - {"trigger", "enabled"})


def rows_of(endpoint: Endpoint, platform: Platform, data: QueryDict | None = None) -> list[ChoiceRow]:
    """A row for each of the platform's event types, filled from what is stored or from what was sent."""
    stored = {choice.type: choice for choice in endpoint.choices.all()}
    return [_row(event, stored.get(event.name), data) for event in platform.events.values()]


def _row(event: EventType, choice: EventChoice | None, data: QueryDict | None) -> ChoiceRow:
    form = ChoiceForm(event, data, prefix=event.name, initial=_initial(choice))
    on = bool(form["enabled"].value()) if data is not None else bool(choice and choice.enabled)
    return ChoiceRow(event, form, on, _special(choice))


def _initial(choice: EventChoice | None) -> dict[str, Any]:
    if choice is None:
        return {"sync_names": True}
    condition = choice.condition
    return {
        "enabled": choice.enabled,
        "trigger": choice.trigger,
        "sync_names": choice.sync_names,
        "noise_triggers": choice.noise_triggers,
        "removal": choice.removal,
        "mode": condition.get("mode", ""),
        "products": ", ".join(condition.get("products", [])),
        "prices": ", ".join(condition.get("prices", [])),
        "metadata": "\n".join(f"{key}={value}" for key, value in condition.get("metadata", {}).items()),
        "amount_min": condition.get("amount_min"),
        "currency": condition.get("currency", ""),
    }


def _special(choice: EventChoice | None) -> str:
    """What is not as usual, in a few words beside the closed options."""
    if choice is None:
        return ""
    named = [
        ("names not synced", not choice.sync_names),
        ("every small change", choice.noise_triggers),
        (f"{choice.removal}s the contact", choice.removal != Removal.KEEP),
        (f"only {_only(choice.condition)}", choice.condition),
    ]
    return ", ".join(words for words, holds in named if holds)


def _only(condition: Mapping[str, Any]) -> str:
    words: Mapping[str, Callable[[Any], str]] = {
        "mode": lambda value: f"{value} mode",
        "products": " or ".join,
        "prices": " or ".join,
        "metadata": lambda value: ", ".join(f"{key}={text}" for key, text in value.items()),
        "amount_min": lambda value: f"from {value}",
        "currency": str,
    }
    return ", ".join(say(condition[name]) for name, say in words.items() if name in condition)


def save(endpoint: Endpoint, rows: list[ChoiceRow], now: datetime) -> None:
    """Store valid rows; event names that are new are made, so that the loop builder offers them."""
    with transaction.atomic():
        for row in rows:
            if row.form.has_changed() or row.on:
                _save_row(endpoint, row)
        wanted = {row.form.cleaned_data["trigger"] for row in rows if row.on} - {""}
        event_names({(endpoint.workspace_id, name) for name in wanted}, now)
        endpoint.save(update_fields=["updated_at"])


def _save_row(endpoint: Endpoint, row: ChoiceRow) -> None:
    data = row.form.cleaned_data
    EventChoice.objects.update_or_create(
        endpoint=endpoint,
        type=row.event.name,
        defaults={
            "workspace_id": endpoint.workspace_id,
            "enabled": data["enabled"],
            "trigger": data["trigger"],
            "sync_names": data["sync_names"],
            "noise_triggers": data.get("noise_triggers", False),
            "removal": data.get("removal") or Removal.KEEP,
            "condition": data["condition"],
        },
    )


def begin(endpoint: Endpoint, platform: Platform, wanted: Mapping[str, bool], now: datetime) -> None:
    """Switch a new endpoint's first event types on; those marked so trigger the event that the platform suggests."""
    known = {name: triggers for name, triggers in wanted.items() if name in platform.events}
    triggers = {name: platform.events[name].suggested if triggers else "" for name, triggers in known.items()}
    EventChoice.objects.bulk_create(
        EventChoice(endpoint=endpoint, workspace_id=endpoint.workspace_id, type=name, trigger=trigger)
        for name, trigger in triggers.items()
    )
    event_names({(endpoint.workspace_id, trigger) for trigger in triggers.values() if trigger}, now)
