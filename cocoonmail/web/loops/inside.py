"""What went on in a loop: the figures of each email, and the people inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cocoonmail.emails.models import Email, Message, Status
from cocoonmail.loops.models import Loop, Run, RunState
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.loops.words import called, title_of
from cocoonmail.web.loops.builder import frame
from cocoonmail.web.loops.figures import entered_by_day, inside
from cocoonmail.web.loops.finding import emails_of, loop_of
from cocoonmail.web.shared.access import EDITORS, page
from cocoonmail.web.shared.asked import asked
from cocoonmail.web.shared.counting import in_words
from cocoonmail.web.shared.days import named
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of

COLUMNS = [Status.SENT, Status.CAPTURED, Status.HELD, Status.SKIPPED, Status.FAILED, Status.UNKNOWN]
ON_THE_WAY = (Status.QUEUED, Status.SENDING)


@page
@require_safe
def metrics(request: MemberRequest, pk: int) -> HttpResponse:
    """How many entered, and what became of each email."""
    loop = loop_of(request, pk)
    emails, now = emails_of(loop), timezone.now()
    (states,), (days,) = inside([loop]), entered_by_day([loop], now)
    values = {
        **frame(loop, "metrics", emails, may_edit=request.member.role in EDITORS),
        "entered": in_words(states.entered),
        **{name: in_words(count) for name, count in states._asdict().items()},
        "days": named(days, now),
        "columns": [status.label for status in COLUMNS],
        "rows": rows_of(loop, emails),
    }
    return render(request, "loops/metrics.html", values)


def rows_of(loop: Loop, emails: Mapping[int, Email]) -> list[dict[str, Any]]:
    """A row per email step: of the draft, then of steps that sent something and are gone."""
    messages = Message.objects.filter(workspace_id=loop.workspace_id, loop_id=loop.pk)
    counts = {(step, status): n for step, status, n in messages.values_list("step", "status").annotate(Count("pk"))}
    steps = {step.id: step for step in read_steps(loop.steps) if isinstance(step, SendEmail)}
    gone = sorted({step for step, _ in counts} - steps.keys())
    titles = {id: title_of(step, emails) for id, step in steps.items()}
    titles |= _titles_of_gone(messages, gone)
    return [
        {
            "title": title,
            "step": id if id in steps else "",
            "numbers": [(status.value, counts.get((id, status), 0)) for status in COLUMNS],
            "on_the_way": sum(counts.get((id, status), 0) for status in ON_THE_WAY),
        }
        for id, title in titles.items()
    ]


def _titles_of_gone(messages: QuerySet[Message], gone: list[str]) -> dict[str, str]:
    names = dict(messages.filter(step__in=gone).values_list("step", "version__name").distinct()) if gone else {}
    return {step: names.get(step, "An email that is gone") for step in gone}


@dataclass(frozen=True, slots=True)
class Passage:
    """A run, and where it stands in words."""

    run: Run
    where: str


@page
@require_safe
def people(request: MemberRequest, pk: int) -> HttpResponse:
    """Who is or was inside, each with where they stand."""
    loop = loop_of(request, pk)
    emails, state, q = emails_of(loop), asked(request, "state"), asked(request, "q")
    mine = Run.objects.filter(loop=loop).select_related("contact", "version", "event__name")
    found = mine.filter(state=state) if state in RunState.values else mine
    found = found.filter(contact__email_key__icontains=q.casefold()) if q else found
    page = page_of(found, request, by="started_at", searched=bool(q))
    values = {
        **frame(loop, "people", emails, may_edit=request.member.role in EDITORS),
        "page": page,
        "passages": [Passage(run, where(run, emails)) for run in page.rows],
        "selects": [{"name": "state", "label": "State", "value": state, "options": RunState.choices}],
        "any": bool(page.rows) or mine.exists(),
    }
    return render(request, "loops/people.html", values)


def where(run: Run, emails: Mapping[int, Email]) -> str:
    """The step that a run takes next, in words; why it ended, where it did."""
    if run.state != RunState.WAITING:
        return run.reason.strip().splitlines()[-1] if run.reason.strip() else ""
    step = next((step for step in read_steps(run.version.steps) if step.id == run.step), None)
    return f"Next: {called(step, emails)}" if step else "Waits before the end"
