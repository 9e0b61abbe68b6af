"""A contact's page: who they are, and the story of every email that was or was not sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from cocoonmail.contacts.models import Contact, Event, PlatformCustomer, Suppression
from cocoonmail.contacts.removal import remove
from cocoonmail.contacts.suppression import suppress, suppression_of, unsuppress
from cocoonmail.emails.models import Message
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Run
from cocoonmail.trace.story import Moment, story
from cocoonmail.web.audience.forms import ContactForm, PropertyForm
from cocoonmail.web.audience.listing import state_of
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
    "stopped": "bell-off",
}
URLS = {
    "delivery": "/integrations/{platform}/deliveries/{id}",
    "loop": "/loops/{id}",
    "message": "/messages/{id}",
}
# What to think of before mail goes to an address again, by why it was stopped.
ALLOWING = {
    Suppression.Reason.MANUAL: "It was stopped by hand. Make sure that whoever did it agrees.",
    Suppression.Reason.HARD_BOUNCE: (
        "Its mail server said for good that it takes no mail. Allow it only if you know that the address works again: "
        "who keeps sending where nobody is loses the trust of mail providers."
    ),
    Suppression.Reason.COMPLAINT: (
        "Its reader marked an email as spam. Allow it only if they asked you to: each further complaint makes it "
        "likelier that none of your emails arrive."
    ),
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
    remove(Contact.objects.filter(pk=found.pk))
    messages.success(request, f"{found.email} was deleted.")
    return redirect("audience")


@page
@require_POST
def stop(request: MemberRequest, pk: int) -> HttpResponse:
    """Stop all mail to the contact's address, of every kind."""
    found = contact_of(request, pk)
    by = f"by {request.user}"
    suppress(found.workspace_id, found.email_key, Suppression.Reason.MANUAL, database_now(), by)
    messages.success(request, f"No email of any kind goes to {found.email} any more.")
    return redirect("contact", pk=pk)


@page
@require_POST
def allow(request: MemberRequest, pk: int) -> HttpResponse:
    """Let mail go to the contact's address again."""
    found = contact_of(request, pk)
    if unsuppress(found.workspace_id, found.email_key):
        messages.success(request, f"Emails go to {found.email} again. What was not sent meanwhile stays unsent.")
    return redirect("contact", pk=pk)


def contact_of(request: MemberRequest, pk: int) -> Contact:
    """A contact of the reader's workspace. Raises Http404."""
    return get_object_or_404(Contact, workspace=request.workspace, pk=pk)


def show(request: MemberRequest, found: Contact, form: ContactForm, property_form: PropertyForm) -> HttpResponse:
    """The page, with what was filled in wrongly."""
    suppression = suppression_of(found)
    wrong = any(one.is_bound and not one.is_valid() for one in (form, property_form))
    values: dict[str, Any] = {
        "contact": found,
        "form": form,
        "property_form": property_form,
        "customers": PlatformCustomer.objects.filter(contact=found).order_by("pk")[:50],
        "moments": [drawn(moment) for moment in reversed(story(found))],
        "state": state_of(found, suppression is not None),
        "suppression": suppression,
        "allowing": ALLOWING[Suppression.Reason(suppression.reason)] if suppression else "",
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
