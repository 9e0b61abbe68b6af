"""The list of contacts, and adding one by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render

from cocoonmail.contacts.finding import addressed, called, values_in_use
from cocoonmail.contacts.models import Contact, ContactProperty
from cocoonmail.contacts.suppression import stopped, suppressed
from cocoonmail.kit.clock import database_now
from cocoonmail.web.audience.forms import NewContactForm
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.asked import asked
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of

WORDS_MAX = 5  # Looked for
COLUMNS_SHOWN = 2  # Custom properties that are shown as columns without being asked for
COLUMNS_MAX = 6
SWITCHES = {"subscribed": ("Subscribed", "Subscribed", "Unsubscribed"), "test": ("Mode", "Test mode only", "Live")}

# The filters by a column's values: the name in the URL, the column, the label.
VALUED: list[tuple[str, Literal["user_group", "source"], str]] = [
    ("group", "user_group", "User group"),
    ("source", "source", "Source"),
]
MAIL = "mail"
STOPPED = {"stopped": "Stopped", "allowed": "Not stopped"}


@page
def audience(request: MemberRequest) -> HttpResponse:
    """Every contact, newest first."""
    mine = Contact.objects.filter(workspace=request.workspace)
    searched = bool(asked(request, "q")) or asked(request, MAIL) == "stopped"
    page = page_of(found(request, mine), request, by="created_at", searched=searched)
    properties = list(ContactProperty.objects.filter(workspace=request.workspace).order_by("name"))
    shown = columns(request, properties)
    values = {
        "page": page,
        "rows": rows_of(page.rows, shown),
        "columns": shown,
        "properties": properties,
        "selects": selects(request),
        "kept": {"columns": ",".join(shown)} if "columns" in request.GET else {},
        "any": bool(page.rows) or mine.exists(),
    }
    return render(request, "audience/audience.html", values)


def rows_of(contacts: Sequence[Contact], shown: Sequence[str]) -> list[tuple[Contact, str, list[str]]]:
    """Each contact with its state and the values of the custom properties that are shown. One query."""
    stops = suppressed({one.workspace_id for one in contacts}, {one.email_key for one in contacts})
    return [(one, state_of(one, (one.workspace_id, one.email_key) in stops), values_of(one, shown)) for one in contacts]


def state_of(contact: Contact, stopped: bool) -> str:
    """Whether mail goes there: one of the states of shared.tones."""
    return "suppressed" if stopped else "subscribed" if contact.subscribed else "unsubscribed"


def values_of(contact: Contact, shown: Sequence[str]) -> list[str]:
    """The values of some custom properties, as a table shows them."""
    return [display(contact.properties.get(name)) for name in shown]


def found(request: MemberRequest, contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """The contacts that the URL's filters ask for."""
    for word in asked(request, "q").split()[:WORDS_MAX]:
        contacts = contacts.filter(addressed(word) | called(word))
    if (value := asked(request, MAIL)) in STOPPED:
        contacts = stopped(contacts, request.workspace.pk, yes=value == "stopped")
    for switch in SWITCHES:
        if (value := asked(request, switch)) in ("yes", "no"):
            contacts = contacts.filter(**{switch: value == "yes"})
    for field, name in (("user_group", "group"), ("source", "source")):
        if value := asked(request, name):
            contacts = contacts.filter(**{field: value})
    return contacts


def selects(request: MemberRequest) -> list[dict[str, Any]]:
    """The filters: the two switches, whether mail was stopped, and the groups and sources that there are."""
    switches = [
        {"name": name, "label": label, "value": asked(request, name), "options": [("yes", yes), ("no", no)]}
        for name, (label, yes, no) in SWITCHES.items()
    ]
    mail = {"name": MAIL, "label": "Mail", "value": asked(request, MAIL), "options": list(STOPPED.items())}
    return [switches[0], mail, *_valued(request), switches[1]]


def _valued(request: MemberRequest) -> list[dict[str, Any]]:
    valued = []
    for name, field, label in VALUED:
        if options := [(value, value) for value in values_in_use(request.workspace.pk, field)]:
            valued.append({"name": name, "label": label, "value": asked(request, name), "options": options})
    return valued


def columns(request: MemberRequest, properties: list[ContactProperty]) -> list[str]:
    """The custom properties to show: those that the URL names, else the first few."""
    known = [one.name for one in properties]
    if "columns" not in request.GET:
        return known[:COLUMNS_SHOWN]
    wanted = {name for value in request.GET.getlist("columns") for name in value.split(",")}
    return [name for name in known if name in wanted][:COLUMNS_MAX]


def display(value: Any) -> str:
    """A custom property's value as a table shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "Yes" if value else "No"
        case _:
            return str(value)


@page
def new(request: MemberRequest) -> HttpResponse:
    """Add a contact by hand. It starts no loop, for nothing happened."""
    form = NewContactForm(request.workspace, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        contact = form.create(database_now())
        messages.success(request, f"{contact.email} was added.")
        return redirect("contact", pk=contact.pk)
    return render(request, "audience/new.html", {"form": form}, status=422 if form.is_bound else 200)
