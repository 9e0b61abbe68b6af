"""The list of loops with their figures, and where a new one begins."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cocoonmail.loops.from_template import free_name
from cocoonmail.loops.gallery import TEMPLATES
from cocoonmail.loops.models import Loop, LoopState
from cocoonmail.web.loops.figures import entered_by_day, inside, sent
from cocoonmail.web.loops.forms import NameForm
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.asked import asked
from cocoonmail.web.shared.counting import in_words
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of

BLANK = "Untitled loop"


@dataclass(frozen=True, slots=True)
class Row:
    """A loop with its figures."""

    loop: Loop
    entered: str
    waiting: str
    finished: str
    sent: str
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
    days = entered_by_day(loops, timezone.now())
    return [
        Row(
            loop=loop,
            entered=in_words(states.entered),
            waiting=in_words(states.waiting),
            finished=in_words(states.finished),
            sent=in_words(gone),
            counts=counts,
        )
        for loop, states, gone, counts in zip(loops, inside(loops), sent(loops), days, strict=True)
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
