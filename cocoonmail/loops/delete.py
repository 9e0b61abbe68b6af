"""Delete a loop: what goes with it, in words, and the deed."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.db.models import F

from cocoonmail.emails.models import Email, Message, Status
from cocoonmail.loops.models import Loop, Run, RunState
from cocoonmail.loops.steps import SendEmail, read_steps


def destroys(loop: Loop) -> list[str]:
    """What deleting this loop destroys, one thing a line."""
    return list(_destroys(loop))


def _destroys(loop: Loop) -> Iterator[str]:
    emails = sum(step["type"] == "email" for step in loop.steps)
    yield f"its {_counted(len(loop.steps), 'step')}, with {_counted(emails, 'email')}"
    runs = Run.objects.filter(loop=loop)
    if waiting := runs.filter(state=RunState.WAITING).count():
        yield f"the place of {_counted(waiting, 'contact')} who are inside: they get no further email of it"
    if queued := Message.objects.filter(loop_id=loop.pk, status=Status.QUEUED).count():
        yield f"{_counted(queued, 'message')} on their way: they are not sent"
    if total := runs.count():
        yield f"the record of who went through it ({_counted(total, 'entry', 'entries')})"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def delete(loop: Loop) -> None:
    """Delete a loop with its versions, runs and emails. Messages stay; those still queued are not sent."""
    with transaction.atomic():
        # Before its messages, as a mark does it: in different orders the two would wait for each other.
        list(Loop.objects.select_for_update().filter(pk=loop.pk).values_list("pk"))
        waiting = Message.objects.filter(workspace_id=loop.workspace_id, loop_id=loop.pk, status=Status.QUEUED)
        # A worker that has one in hand meets another epoch at its mark, and hangs up.
        waiting.update(status=Status.SKIPPED, reason="its loop was deleted", due_at=None, epoch=F("epoch") + 1)
        emails = [step.email for step in read_steps(loop.steps) if isinstance(step, SendEmail)]
        loop.delete()
        Email.objects.filter(workspace_id=loop.workspace_id, pk__in=set(emails) - _used(loop)).delete()


def _used(loop: Loop) -> set[int]:
    """The emails that other loops send."""
    others = Loop.objects.filter(workspace_id=loop.workspace_id).values_list("steps", flat=True)
    return {step["email"] for steps in others for step in steps if step["type"] == "email"}
