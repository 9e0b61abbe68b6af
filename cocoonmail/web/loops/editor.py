"""The email editor: what is written, what is wrong with it, and how it will look."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from cocoonmail.emails.compose import Draft
from cocoonmail.emails.models import Email
from cocoonmail.emails.publish import draft_of
from cocoonmail.loops import draft
from cocoonmail.loops.models import Loop
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.web.loops.finding import email_of, loop_of
from cocoonmail.web.loops.forms import EmailForm
from cocoonmail.web.loops.samples import (
    chosen_event,
    contact_tags,
    event_tags,
    facts_of_event,
    for_email,
    recent_events,
    sample_facts,
)
from cocoonmail.web.shared.access import EDITORS, page
from cocoonmail.web.shared.framed import framed
from cocoonmail.web.shared.mailview import Shown, show
from cocoonmail.web.shared.middleware import MemberRequest


@page
def email(request: MemberRequest, pk: int, email_pk: int) -> HttpResponse:
    """Write one email; POST saves it."""
    loop = loop_of(request, pk)
    found = email_of(loop, email_pk)
    if request.method != "POST":
        return _editor(request, loop, found, _form(found))
    form = EmailForm(request.POST, instance=found)
    if not form.is_valid():
        return _editor(request, loop, email_of(loop, email_pk), form, status=422)
    changes = {name: form.cleaned_data[name] for name in EmailForm.Meta.fields}
    try:
        draft.save(found, form.cleaned_data["version"], **changes)
    except draft.Stale as stale:
        return _conflict(request, loop, email_of(loop, email_pk), str(stale))
    messages.success(request, _saved(loop))
    return redirect("loop_email", pk=pk, email_pk=email_pk)


@page
def check_draft(request: MemberRequest, pk: int, email_pk: int) -> HttpResponse:
    """What is wrong with the email as it stands in the editor, and its first lines, as a fragment. Saves nothing."""
    loop = loop_of(request, pk)
    found = email_of(loop, email_pk)
    return render(request, "loops/_checked.html", {"shown": _shown(request, loop, found)})


@page
def preview(request: MemberRequest, pk: int, email_pk: int) -> HttpResponse:
    """The email for a frame: as it was saved or, by POST, as it stands in the editor. Saves nothing."""
    loop = loop_of(request, pk)
    return framed(_shown(request, loop, email_of(loop, email_pk)).html)


def _shown(request: MemberRequest, loop: Loop, found: Email) -> Shown:
    values = request.POST if request.method == "POST" else request.GET
    written = _written(request, found) if request.method == "POST" else draft_of(found)
    event = chosen_event(loop, values.get("event", ""))
    facts = facts_of_event(event) if event else for_email(sample_facts(loop), found)
    return show(written, facts, loop.workspace, filling_in=event is None)


def _written(request: MemberRequest, found: Email) -> Draft:
    """The draft as it stands in the editor; a field that cannot be taken is shown as it was saved."""
    form = EmailForm(request.POST, instance=found)
    form.is_valid()
    written = Email(**{name: form.cleaned_data.get(name, getattr(found, name)) for name in EmailForm.Meta.fields})
    return draft_of(written)


def _editor(
    request: MemberRequest, loop: Loop, found: Email, form: EmailForm, *, status: int = 200, stale: str = ""
) -> HttpResponse:
    step = next(s.id for s in read_steps(loop.steps) if isinstance(s, SendEmail) and s.email == found.pk)
    values: dict[str, Any] = {
        "loop": loop,
        "email": found,
        "form": form,
        "may_edit": request.member.role in EDITORS,
        "back": f"{reverse('loop', args=[loop.pk])}?step={step}",
        "shown": _shown(request, loop, found),
        "events": recent_events(loop),
        "chosen": request.POST.get("event", request.GET.get("event", "")),
        "contact_tags": contact_tags(loop.workspace),
        "event_tags": event_tags(loop.workspace, loop.trigger),
        "stale": stale,
    }
    return render(request, "loops/email.html", values, status=status)


def _form(found: Email) -> EmailForm:
    form = EmailForm(instance=found, initial={"version": found.updated_at})
    sender = found.workspace
    for name, value in (
        ("from_name", sender.sender_name),
        ("from_email", sender.sender_email),
        ("reply_to", sender.reply_to),
    ):
        form.fields[name].widget.attrs["placeholder"] = value
    return form


def _conflict(request: MemberRequest, loop: Loop, found: Email, words: str) -> HttpResponse:
    """Somebody saved meanwhile: what was written is kept in the form, and saving again replaces theirs."""
    data = request.POST.copy()
    data["version"] = found.updated_at.isoformat()
    return _editor(request, loop, found, EmailForm(data, instance=email_of(loop, found.pk)), status=409, stale=words)


def _saved(loop: Loop) -> str:
    live = "Saved. What runs is still the published one: publish the loop when you are ready."
    return live if loop.published_id else "Saved."
