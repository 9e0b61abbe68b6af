"""Events: which ones there are and what they set off; below, the log of what happened to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.finding import addressed
from cocoonmail.contacts.models import Contact, Event, EventName
from cocoonmail.intake.models import Delivery
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.asked import asked
from cocoonmail.web.shared.counting import counts, in_words
from cocoonmail.web.shared.days import first_morning, spans
from cocoonmail.web.shared.eventnames import event_name
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of

NAMES_MAX = 200  # Shown on the page
PROPERTIES_SHOWN = 4  # Of a name, before the rest is folded away
PEOPLE_MAX = 1000  # Whose events are all looked at; where more people are meant, the newest events are
SEARCHED_MAX = 20_000  # That many of them; fewer than SQLite takes values in a statement
EVER = datetime(1970, 1, 1, tzinfo=UTC)  # Before anything happened
PERIODS = {"1": ("1 day", timedelta(days=1)), "7": ("7 days", timedelta(days=7)), "30": ("30 days", timedelta(days=30))}


@dataclass(frozen=True, slots=True)
class Row:
    """An event name with its figures."""

    name: EventName
    total: str
    last: datetime | None
    counts: Sequence[int]
    loops: Sequence[Loop]
    first_properties: Sequence[tuple[str, str]]
    more_properties: Sequence[tuple[str, str]]


@page
def events(request: MemberRequest) -> HttpResponse:
    """The names and the log."""
    rows = rows_of(request.workspace)
    log = found(request).select_related("name", "contact")
    page = page_of(log, request, by="recorded_at", searched=bool(asked(request, "q")))
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
    now = timezone.now()
    newest = Event.objects.filter(name=OuterRef("pk")).order_by("-recorded_at").values("recorded_at")
    names = EventName.objects.filter(workspace=workspace).annotate(last=Subquery(newest[:1]))
    ordered = sorted(names[:NAMES_MAX], key=lambda name: name.last or name.created_at, reverse=True)
    before = (EVER, first_morning(now))
    found = counts(Event, [{"name": name.pk} for name in ordered], "recorded_at", [before, *spans(now)])
    loops = defaultdict(list)
    for loop in Loop.objects.filter(workspace=workspace, trigger__isnull=False).order_by("name"):
        loops[loop.trigger_id].append(loop)
    return [_row(name, of_name, loops[name.pk]) for name, of_name in zip(ordered, found, strict=True)]


def _row(name: Any, found: Sequence[int], loops: Sequence[Loop]) -> Row:
    """`found` counts what was before the last days, then each day's."""
    properties = sorted(name.properties.items())
    first, more = properties[:PROPERTIES_SHOWN], properties[PROPERTIES_SHOWN:]
    return Row(name, in_words(sum(found)), name.last, found[1:], loops, first, more)


def found(request: MemberRequest) -> QuerySet[Event]:
    """The events that the URL's filters ask for."""
    names, since = None, None
    if name := asked(request, "name"):
        named = EventName.objects.filter(workspace=request.workspace, name=name)
        names = list(named.values_list("pk", flat=True))
    if (period := asked(request, "period")) in PERIODS:
        since = timezone.now() - PERIODS[period][1]
    if q := asked(request, "q"):
        return of_people(request.workspace, q, names, since)
    return _log(request.workspace, names, since)


def _log(workspace: Workspace, names: Sequence[int] | None, since: datetime | None) -> QuerySet[Event]:
    """A workspace's events, or those of these names, by their ids alone: for each there is an index with the moment."""
    log = Event.objects.filter(workspace=workspace) if names is None else Event.objects.filter(name__in=names)
    return log if since is None else log.filter(recorded_at__gte=since)


def of_people(
    workspace: Workspace, q: str, names: Sequence[int] | None = None, since: datetime | None = None
) -> QuerySet[Event]:
    """What happened to people whose address has `q` in it: all of it, or where they are many the newest of it."""
    people = Contact.objects.filter(addressed(q), workspace=workspace).order_by()
    ids = list(people.values_list("pk", flat=True)[: PEOPLE_MAX + 1])
    if len(ids) <= PEOPLE_MAX:
        # By their ids alone, and sorted out here: a database that knows little of its tables would rather go through
        # the whole log.
        theirs = Event.objects.filter(contact__in=ids).order_by("-pk").values_list("pk", "name_id", "recorded_at")
        wanted = [
            pk
            for pk, name, at in theirs[:SEARCHED_MAX]
            if (names is None or name in names) and (since is None or at >= since)
        ]
        return Event.objects.filter(pk__in=wanted)
    log = _log(workspace, names, since)
    newest = log.order_by("-recorded_at", "-pk").values("pk")[:SEARCHED_MAX]
    return Event.objects.filter(addressed(q, "contact__"), pk__in=newest)


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
