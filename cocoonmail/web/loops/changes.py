"""Changes to a loop's draft, each refused when the loop was changed elsewhere since its page was opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cocoonmail.contacts.record import event_names
from cocoonmail.emails.models import Email
from cocoonmail.kit.clock import database_now
from cocoonmail.loops import draft
from cocoonmail.loops.models import Loop, UnknownPolicy
from cocoonmail.loops.steps import STEPS_MAX, SendEmail, Step, Wait, read_steps, write_steps
from cocoonmail.web.loops.builder import show
from cocoonmail.web.loops.cards import TRIGGER
from cocoonmail.web.loops.finding import loop_of
from cocoonmail.web.loops.forms import NameForm, TriggerForm, UnknownForm, VersionField, WaitForm
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.middleware import MemberRequest

FIRST_WAIT = timedelta(days=1)
FOUND = 302  # The status of a redirect: the change was saved
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_BODY = "Hi {{ contact.firstName | default: 'there' }},\n\n\n"

UNKNOWN_NOW = {
    UnknownPolicy.HOLD: "From now on an email of which nobody knows waits for a person.",
    UnknownPolicy.RESEND_ONCE: "From now on an email of which nobody knows is sent again by itself, once.",
}

AnyForm = TypeVar("AnyForm", TriggerForm, WaitForm)


@page
@require_POST
def rename(request: MemberRequest, pk: int) -> HttpResponse:
    """Give the loop another name; the last one wins, for nothing is lost by it."""
    loop, form = loop_of(request, pk), NameForm(request.POST)
    if form.is_valid() and not form.cleaned_data["name"]:
        form.add_error("name", "A loop needs a name.")
    if not form.is_valid():
        return show(request, loop, "", form, status=422)
    Loop.objects.filter(pk=loop.pk).update(name=form.cleaned_data["name"])
    messages.success(request, "The name was saved.")
    return redirect("loop", pk=pk)


@page
@require_POST
def set_unknown(request: MemberRequest, pk: int) -> HttpResponse:
    """Choose what follows on an unknown message; it is no part of the draft and counts at once."""
    loop, form = loop_of(request, pk), UnknownForm(request.POST)
    if not form.is_valid():
        return show(request, loop, "", form, status=422)
    policy = UnknownPolicy(form.cleaned_data["unknown_policy"])
    Loop.objects.filter(pk=loop.pk).update(unknown_policy=policy)
    messages.success(request, UNKNOWN_NOW[policy])
    return redirect("loop", pk=pk)


@page
@require_POST
def set_trigger(request: MemberRequest, pk: int) -> HttpResponse:
    """Choose the event that starts the loop, and how often a contact enters."""
    loop, form = loop_of(request, pk), TriggerForm(request.POST)
    if not form.is_valid():
        return show(request, loop, TRIGGER, form, status=422)
    data, wanted = form.cleaned_data, (loop.workspace_id, form.cleaned_data["event"])
    trigger = event_names({wanted}, database_now())[wanted]
    try:
        draft.save(loop, data["version"], trigger=trigger, frequency=data["frequency"])
    except draft.Stale:
        return show(request, loop_of(request, pk), TRIGGER, _again(form, loop_of(request, pk)), status=409)
    return redirect(_at(loop, TRIGGER))


@page
@require_POST
def set_wait(request: MemberRequest, pk: int, step: str) -> HttpResponse:
    """Change how long a step waits."""
    loop, form = loop_of(request, pk), WaitForm(request.POST)
    steps = read_steps(loop.steps)
    if not any(isinstance(one, Wait) and one.id == step for one in steps):
        raise Http404
    if not form.is_valid():
        return show(request, loop, step, form, status=422)
    changed = draft.with_changed(steps, Wait(step, form.cleaned_data["duration"]))
    try:
        draft.save(loop, form.cleaned_data["version"], steps=write_steps(changed))
    except draft.Stale:
        return show(request, loop_of(request, pk), step, _again(form, loop_of(request, pk)), status=409)
    return redirect(_at(loop, step))


@page
@require_POST
def add(request: MemberRequest, pk: int) -> HttpResponse:
    """Add a step behind another: a wait of a day, or an email with its first words."""
    loop = loop_of(request, pk)
    if len(loop.steps) >= STEPS_MAX:
        messages.error(request, f"A loop has at most {STEPS_MAX} steps.")
        return redirect("loop", pk=pk)
    kind, id = request.POST.get("kind", ""), draft.new_id()
    if kind not in ("wait", "email"):
        raise Http404
    with transaction.atomic():
        step: Step = Wait(id, FIRST_WAIT) if kind == "wait" else SendEmail(id, _new_email(loop).pk)
        steps = draft.with_step(read_steps(loop.steps), step, request.POST.get("after", ""))
        answer = _save_steps(request, loop, steps, id)
        # A step that was refused leaves no email behind.
        transaction.set_rollback(answer.status_code != FOUND)
    return answer


@page
@require_POST
def move(request: MemberRequest, pk: int, step: str) -> HttpResponse:
    """Move a step up or down by one."""
    loop = loop_of(request, pk)
    by = -1 if request.POST.get("to") == "up" else 1
    return _save_steps(request, loop, draft.moved(read_steps(loop.steps), step, by), step)


@page
@require_POST
def remove(request: MemberRequest, pk: int, step: str) -> HttpResponse:
    """Take a step out of the draft, with its email. What is published goes on as it is."""
    loop = loop_of(request, pk)
    steps = read_steps(loop.steps)
    gone = [one.email for one in steps if isinstance(one, SendEmail) and one.id == step]
    answer = _save_steps(request, loop, draft.without(steps, step), "")
    if answer.status_code == FOUND:
        Email.objects.filter(workspace_id=loop.workspace_id, pk__in=gone).delete()
    return answer


def _new_email(loop: Loop) -> Email:
    number = sum(step["type"] == "email" for step in loop.steps) + 1
    return Email.objects.create(workspace_id=loop.workspace_id, name=f"{loop.name[:180]} {number}", body=FIRST_BODY)


def _save_steps(request: MemberRequest, loop: Loop, steps: Sequence[Step], selected: str) -> HttpResponse:
    try:
        draft.save(loop, _seen(request), steps=write_steps(steps))
    except draft.Stale:
        return show(request, loop_of(request, loop.pk), selected, status=409)
    return redirect(_at(loop, selected))


def _seen(request: MemberRequest) -> datetime:
    """The version that the page had; without one, one that nothing ever had, so that nothing is overwritten."""
    try:
        return VersionField(required=False).clean(request.POST.get("version", "")) or NEVER
    except ValidationError:
        return NEVER


def _again(form: AnyForm, loop: Loop) -> AnyForm:
    """What was filled in, ready to be saved over what is there now, if that is still wanted."""
    return type(form)(dict(form.data.items()) | {"version": loop.updated_at.isoformat()})


def _at(loop: Loop, step: str) -> str:
    return reverse("loop", args=[loop.pk]) + (f"?step={step}" if step else "")
