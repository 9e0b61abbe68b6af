"""Events: which ones there are and what they set off; below, the log of what happened to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Event, EventName
from cocoonmail.intake.models import Delivery
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.asked import asked
from cocoonmail.web.shared.days import DAYS, by_day
from cocoonmail.web.shared.eventnames import event_name
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of

NAMES_MAX = 200  # Shown on the page
PROPERTIES_SHOWN = 4  # Of a name, before the rest is folded away
PERIODS = {"1": ("1 day", timedelta(days=1)), "7": ("7 days", timedelta(days=7)), "30": ("30 days", timedelta(days=30))}


@dataclass(frozen=True, slots=True)
class Row:
    """An event name with its figures."""

    name: EventName
    total: int
    last: datetime | None
    counts: Sequence[int]
    loops: Sequence[Loop]
    first_properties: Sequence[tuple[str, str]]
    more_properties: Sequence[tuple[str, str]]


@page
def events(request: MemberRequest) -> HttpResponse:
    """The names and the log."""
    rows = rows_of(request.workspace)
    page = page_of(found(request).select_related("name", "contact"), request, by="recorded_at")
    told_by = Delivery.objects.filter(pk__in=[event.delivery_id for event in page.rows if event.delivery_id])
    platforms = dict(told_by.values_list("pk", "endpoint__platform"))
    values = {
        "rows": rows,
        "page": page,
        "log": [(event, platforms.get(event.delivery_id or 0, "")) for event in page.rows],
        "selects": selects(request, rows),
        "filtered": any(request.GET.get(name) for name in ("q", "name", "period")),
    }
    return render(request, "events/events.html", values)


def rows_of(workspace: Workspace) -> list[Row]:
    """The event names, the latest first: four queries, however many names."""
    names = EventName.objects.filter(workspace=workspace).annotate(
        total=Count("events"), last=Max("events__recorded_at")
    )
    ordered = sorted(names[:NAMES_MAX], key=lambda name: name.last or name.created_at, reverse=True)
    days = by_day(Event.objects.filter(workspace=workspace), "name_id", "recorded_at", timezone.now())
    loops = defaultdict(list)
    for loop in Loop.objects.filter(workspace=workspace, trigger__isnull=False).order_by("name"):
        loops[loop.trigger_id].append(loop)
    return [_row(name, days.get(name.pk, [0] * DAYS), loops[name.pk]) for name in ordered]


def _row(name: Any, counts: Sequence[int], loops: Sequence[Loop]) -> Row:
    properties = sorted(name.properties.items())
    first, more = properties[:PROPERTIES_SHOWN], properties[PROPERTIES_SHOWN:]
    return Row(name, name.total, name.last, counts, loops, first, more)


def found(request: MemberRequest) -> QuerySet[Event]:
    """The events that the URL's filters ask for."""
    log = Event.objects.filter(workspace=request.workspace)
    if q := asked(request, "q"):
        log = log.filter(Q(contact__email_key__icontains=q.casefold()) | Q(contact__email__icontains=q))
    if name := asked(request, "name"):
        log = log.filter(name__name=name)
    if (period := asked(request, "period")) in PERIODS:
        log = log.filter(recorded_at__gte=timezone.now() - PERIODS[period][1])
    return log


def selects(request: MemberRequest, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The log's filters."""
    names = sorted(row.name.name for row in rows)
    periods = [(value, f"Last {words}") for value, (words, _) in PERIODS.items()]
    return [
        {"name": "name", "label": "Event", "value": asked(request, "name"), "options": [(n, n) for n in names]},
        {"name": "period", "label": "Period", "value": asked(request, "period"), "options": periods},
    ]


class NameForm(forms.Form):
    """The name of a new kind of event."""

    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "trialEnded", "spellcheck": "false", "autocomplete": "off"}),
        help_text="Capital letters count, and a name cannot be changed later: those who send it would not know.",
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_name(self) -> str:
        """A name that no event of the workspace has."""
        name = event_name(self.cleaned_data["name"])
        if EventName.objects.filter(workspace=self.workspace, name=name).exists():
            raise forms.ValidationError(f"There is an event {name} already.")
        return name


@page
def new(request: MemberRequest) -> HttpResponse:
    """Name an event before the first one happens, to build a loop on it."""
    form = NameForm(request.workspace, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        EventName.objects.get_or_create(workspace=request.workspace, name=name, defaults={"created_at": database_now()})
        messages.success(request, f"{name} can now start loops.")
        return redirect("events")
    return render(request, "events/new.html", {"form": form}, status=422 if form.is_bound else 200)
