"""The builder: the loop as a path of cards, and a panel for what is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from cocoonmail.emails.compose import check
from cocoonmail.emails.models import Email
from cocoonmail.emails.publish import draft_of
from cocoonmail.loops.delete import destroys
from cocoonmail.loops.draft import Stale
from cocoonmail.loops.models import Frequency, Loop, Run
from cocoonmail.loops.steps import SendEmail, Step, Wait, read_steps
from cocoonmail.loops.unpublished import unpublished
from cocoonmail.web.loops.cards import TRIGGER, cards_of, figures_of, holds_back
from cocoonmail.web.loops.finding import emails_of, loop_of
from cocoonmail.web.loops.forms import NameForm, TriggerForm, UnknownForm, WaitForm
from cocoonmail.web.shared.access import EDITORS, page
from cocoonmail.web.shared.eventnames import known_names
from cocoonmail.web.shared.mailview import said
from cocoonmail.web.shared.middleware import MemberRequest

REMOVES_WAIT = "The steps around it then follow on each other at once. What is published stays until you publish again."
REMOVES_EMAIL = (
    "Its email is destroyed with it: subject, text and settings. What is published stays until you publish again, and "
    "messages that were made keep theirs."
)


@page
@require_safe
def loop(request: MemberRequest, pk: int) -> HttpResponse:
    """The path of one loop; `?step=` selects what the panel shows."""
    return show(request, loop_of(request, pk), request.GET.get("step", ""))


def show(
    request: MemberRequest, loop: Loop, selected: str, form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    """The builder. `form` is what somebody filled in wrongly, or over somebody else's change (status 409)."""
    steps, emails = read_steps(loop.steps), emails_of(loop)
    if not selected and loop.trigger is None:
        selected = TRIGGER
    values = {
        **frame(loop, "path", emails, may_edit=request.member.role in EDITORS),
        "cards": cards_of(loop, steps, emails, figures_of(loop), selected),
        "panel": panel(loop, steps, emails, selected, form),
        "holds_back": holds_back(loop, steps, emails),
        "sends_nothing": not any(isinstance(step, SendEmail) for step in steps),
        "event_names": known_names(loop.workspace) if selected == TRIGGER else [],
        "stale": str(Stale.__doc__) if status == 409 else "",
    }
    return render(request, "loops/builder.html", values, status=status)


def frame(loop: Loop, here: str, emails: Mapping[int, Email], *, may_edit: bool) -> dict[str, Any]:
    """What all tabs of a loop show."""
    tabs = [("path", "Path", "loop"), ("metrics", "Metrics", "loop_metrics"), ("people", "People", "loop_people")]
    counts = {"people": f"{Run.objects.filter(loop=loop).count():,}"}
    return {
        "loop": loop,
        "version": loop.updated_at.isoformat(),
        "may_edit": may_edit,
        "tabs": [
            {"label": label, "url": reverse(name, args=[loop.pk]), "here": tab == here, "count": counts.get(tab, "")}
            for tab, label, name in tabs
        ],
        "changes": unpublished(loop, emails),
    }


def panel(
    loop: Loop, steps: Sequence[Step], emails: Mapping[int, Email], selected: str, form: forms.Form | None
) -> dict[str, Any]:
    """What the panel shows: the selected step, the trigger, or the loop itself."""
    if selected == TRIGGER:
        return {"kind": TRIGGER, "form": form or trigger_form(loop)}
    place = next((place for place, step in enumerate(steps) if step.id == selected), None)
    if place is None:
        return {"kind": "loop", **loop_forms(loop, form), "destroys": destroys(loop)}
    values = {"version": loop.updated_at.isoformat()}
    here = {"id": selected, "first": place == 0, "last": place == len(steps) - 1, "values": values}
    match steps[place]:
        case Wait(duration=duration):
            return {
                **here,
                "kind": "wait",
                "removes": REMOVES_WAIT,
                "form": form or WaitForm.of(duration, loop.updated_at),
            }
        case SendEmail(email=email):
            found = emails.get(email)
            problems = said(check(draft_of(found))) if found else []
            return {**here, "kind": "email", "removes": REMOVES_EMAIL, "email": found, "problems": problems}


def loop_forms(loop: Loop, form: forms.Form | None) -> dict[str, forms.Form]:
    """The forms about the loop itself; `form` is one of them, filled in wrongly."""
    name = form if isinstance(form, NameForm) else NameForm(initial={"name": loop.name})
    unknown = form if isinstance(form, UnknownForm) else UnknownForm(initial={"unknown_policy": loop.unknown_policy})
    return {"form": name, "unknown_form": unknown}


def trigger_form(loop: Loop) -> TriggerForm:
    """The trigger as it is, to be changed."""
    initial = {"version": loop.updated_at, "event": loop.trigger.name if loop.trigger else ""}
    return TriggerForm(initial={**initial, "frequency": Frequency(loop.frequency).value})
