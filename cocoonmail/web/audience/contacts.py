"""A contact's page: who they are, and the story of every email that was or was not sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from cocoonmail.contacts.models import Contact, Event, PlatformCustomer
from cocoonmail.emails.models import Message
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Run
from cocoonmail.trace.story import Moment, story
from cocoonmail.web.audience.forms import ContactForm, PropertyForm
from cocoonmail.web.shared.access import EDITORS, page
from cocoonmail.web.shared.middleware import MemberRequest

ICONS = {
    "created": "person-add",
    "delivery": "webhook",
    "event": "event",
    "run": "loop",
    "waiting": "clock",
    "finished": "check",
    "message": "mail",
    "unsubscribed": "bell-off",
}
URLS = {
    "delivery": "/integrations/{platform}/deliveries/{id}",
    "loop": "/loops/{id}",
    "message": "/messages/{id}",
}


@page
def contact(request: MemberRequest, pk: int) -> HttpResponse:
    """One contact; POST saves their properties."""
    found = contact_of(request, pk)
    form = ContactForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.write(database_now())
        messages.success(request, "Saved.")
        return redirect("contact", pk=pk)
    return show(request, contact_of(request, pk), form, PropertyForm(request.workspace))


@page
@require_POST
def define(request: MemberRequest) -> HttpResponse:
    """Define a custom property, from the page of the contact who needs it first."""
    found = contact_of(request, int(request.POST.get("contact", "0") or 0)) if _is_pk(request) else None
    form = PropertyForm(request.workspace, request.POST)
    if form.is_valid():
        form.create()
        messages.success(request, f"Every contact can now have {form.cleaned_data['name']}.")
        return redirect("contact", pk=found.pk) if found else redirect("audience")
    if found is None:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("audience")
    return show(request, found, ContactForm(instance=found), form)


def _is_pk(request: MemberRequest) -> bool:
    text = request.POST.get("contact", "")
    return text.isascii() and text.isdigit() and len(text) < 19


@page
@require_POST
def delete(request: MemberRequest, pk: int) -> HttpResponse:
    """Delete a contact with their events and passages. Their messages stay, without a name; none is sent any more."""
    found = contact_of(request, pk)
    found.delete()
    messages.success(request, f"{found.email} was deleted.")
    return redirect("audience")


def contact_of(request: MemberRequest, pk: int) -> Contact:
    """A contact of the reader's workspace. Raises Http404."""
    return get_object_or_404(Contact, workspace=request.workspace, pk=pk)


def show(request: MemberRequest, found: Contact, form: ContactForm, property_form: PropertyForm) -> HttpResponse:
    """The page, with what was filled in wrongly."""
    wrong = any(one.is_bound and not one.is_valid() for one in (form, property_form))
    values: dict[str, Any] = {
        "contact": found,
        "form": form,
        "property_form": property_form,
        "customers": PlatformCustomer.objects.filter(contact=found).order_by("pk")[:50],
        "moments": [drawn(moment) for moment in reversed(story(found))],
        "may_edit": request.member.role in EDITORS,
        "destroys": destroys(found),
    }
    return render(request, "audience/contact.html", values, status=422 if wrong else 200)


def drawn(moment: Moment) -> dict[str, Any]:
    """A moment as the timeline draws it."""
    url = URLS.get(moment.link_kind, "").format(id=moment.link_id, platform=moment.platform)
    return {
        "icon": ICONS[moment.kind],
        "tone": moment.tone,
        "title": moment.title,
        "text": moment.detail,
        "url": url,
        "when": moment.at,
    }


def destroys(found: Contact) -> Sequence[str]:
    """What deleting this contact destroys, in words."""
    events, runs = Event.objects.filter(contact=found).count(), Run.objects.filter(contact=found).count()
    queued = Message.objects.filter(contact=found, status="queued").count()
    things = [(events, "event"), (runs, "passage through loops"), (queued, "message that is still to be sent")]
    words = [f"{number} × {what}" for number, what in things if number]
    return ["their properties and notes", *words]
