"""Start, pause, publish and delete a loop."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cocoonmail.kit.clock import database_now
from cocoonmail.loops.delete import delete
from cocoonmail.loops.models import Loop, LoopState
from cocoonmail.loops.publish import advice, pause, start
from cocoonmail.web.loops.finding import loop_of
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.middleware import MemberRequest

ADVICE_SHOWN = 3  # warnings of emails that are told when they are published


@page
@require_POST
def start_loop(request: MemberRequest, pk: int) -> HttpResponse:
    """Publish the draft and let contacts in: the first start, or going on after a pause."""
    loop = loop_of(request, pk)
    resumed = loop.state == LoopState.PAUSED
    word = "goes on: who was waiting is taken along" if resumed else f"is live: every {loop.trigger} takes a contact in"
    return _publish(request, loop, "start", f"The loop {word}.")


@page
@require_POST
def publish_loop(request: MemberRequest, pk: int) -> HttpResponse:
    """Publish what was changed in a live loop. Who is inside ends with the version they began with."""
    loop = loop_of(request, pk)
    if loop.state != LoopState.LIVE:
        messages.warning(request, "Only a live loop is published. Start it first.")
        return redirect("loop", pk=pk)
    return _publish(
        request, loop, "be published", "Published. Who is inside goes on as they began; who enters now gets this."
    )


@page
@require_POST
def pause_loop(request: MemberRequest, pk: int) -> HttpResponse:
    """Keep everybody where they are."""
    loop = loop_of(request, pk)
    if loop.state == LoopState.LIVE:
        pause(loop, database_now())
        messages.success(
            request, "Paused. Everybody stays where they are; who enters in the next 24 hours waits at the start."
        )
    return redirect("loop", pk=pk)


@page
@require_POST
def delete_loop(request: MemberRequest, pk: int) -> HttpResponse:
    """Delete it, as its dialog has told."""
    loop = loop_of(request, pk)
    delete(loop)
    messages.success(request, f"“{loop.name}” was deleted.")
    return redirect("loops")


def _publish(request: MemberRequest, loop: Loop, what: str, done: str) -> HttpResponse:
    problems = start(loop, database_now())
    for problem in problems:
        messages.error(request, f"The loop cannot {what} yet. {problem}")
    if not problems:
        messages.success(request, done)
        _advise(request, advice(loop))
    return redirect("loop", pk=loop.pk)


def _advise(request: MemberRequest, warnings: list[str]) -> None:
    for warning in warnings[:ADVICE_SHOWN]:
        messages.warning(request, f"{warning}.")
    if (more := len(warnings) - ADVICE_SHOWN) > 0:
        messages.warning(request, f"And {more} more: see the emails.")
