"""The list of loops with their figures, and where a new one begins."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cocoonmail.emails.models import Message, Status
from cocoonmail.loops.from_template import free_name
from cocoonmail.loops.gallery import TEMPLATES
from cocoonmail.loops.models import Loop, LoopState, Run, RunState
from cocoonmail.web.loops.forms import NameForm
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.asked import asked
from cocoonmail.web.shared.days import DAYS, by_day
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of

BLANK = "Untitled loop"
GONE_OUT = (Status.SENT, Status.CAPTURED)


@dataclass(frozen=True, slots=True)
class Row:
    """A loop with its figures."""

    loop: Loop
    entered: int
    waiting: int
    finished: int
    sent: int
    counts: list[int]


@page
def loops(request: MemberRequest) -> HttpResponse:
    """The list, found by name and state; POST begins a blank loop."""
    if request.method == "POST":
        return _create(request)
    mine = Loop.objects.filter(workspace=request.workspace)
    state, q = asked(request, "state"), asked(request, "q")
    found = mine.filter(state=state) if state in LoopState.values else mine
    found = found.filter(name__icontains=q) if q else found
    page = page_of(found.select_related("trigger"), request)
    values = {
        "page": page,
        "rows": rows_of(page.rows),
        "selects": [{"name": "state", "label": "State", "value": state, "options": LoopState.choices}],
        "any": bool(page.rows) or mine.exists(),
    }
    return render(request, "loops/loops.html", values)


def rows_of(loops: list[Loop]) -> list[Row]:
    """The loops with their figures: three queries, however many loops."""
    runs, messages = Run.objects.filter(loop__in=loops), Message.objects.filter(loop_id__in=[one.pk for one in loops])
    states = {(loop, state): n for loop, state, n in runs.values_list("loop_id", "state").annotate(Count("pk"))}
    gone = messages.filter(status__in=GONE_OUT).values_list("loop_id").annotate(Count("pk"))
    sent = {loop: number for loop, number in gone if loop is not None}
    days = by_day(runs, "loop_id", "started_at", timezone.now())
    return [
        Row(
            loop=loop,
            entered=sum(states.get((loop.pk, state), 0) for state in RunState.values),
            waiting=states.get((loop.pk, RunState.WAITING), 0),
            finished=states.get((loop.pk, RunState.FINISHED), 0),
            sent=sent.get(loop.pk, 0),
            counts=days.get(loop.pk, [0] * DAYS),
        )
        for loop in loops
    ]


@page
@require_safe
def new(request: MemberRequest) -> HttpResponse:
    """Where a loop begins: from a template, or blank."""
    return render(request, "loops/new.html", {"form": NameForm(), "templates": TEMPLATES})


def _create(request: MemberRequest) -> HttpResponse:
    form = NameForm(request.POST)
    if not form.is_valid():
        return render(request, "loops/new.html", {"form": form, "templates": TEMPLATES}, status=422)
    name = free_name(request.workspace, form.cleaned_data["name"] or BLANK)
    return redirect("loop", pk=Loop.objects.create(workspace=request.workspace, name=name).pk)
