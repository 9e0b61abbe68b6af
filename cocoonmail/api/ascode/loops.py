"""Make a loop look like its entry in the file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cocoonmail.accounts.models import Workspace
from cocoonmail.api.ascode.report import Report
from cocoonmail.api.ascode.spec import BadFile, EmailSpec, LoopSpec, StepSpec, duration
from cocoonmail.contacts.record import event_names
from cocoonmail.emails.compose import Draft
from cocoonmail.emails.models import Email
from cocoonmail.loops.gallery import TEMPLATES
from cocoonmail.loops.models import Loop, LoopState
from cocoonmail.loops.publish import pause, start

GALLERY = {template.key: template for template in TEMPLATES}
PARTS = ("subject", "preview", "body", "format", "kind", "from_name", "from_email", "reply_to")


def apply_loop(workspace: Workspace, spec: LoopSpec, report: Report, now: datetime) -> None:
    """Create or change the loop of this name and bring it into its state."""
    label = f"loop {spec.name}"
    loop = Loop.objects.filter(workspace=workspace, name=spec.name).first()
    if loop is None:
        loop = Loop.objects.create(workspace=workspace, name=spec.name)
        report.add(f"{label}: created")
    trigger = event_names({(workspace.pk, spec.trigger.event)}, now)[workspace.pk, spec.trigger.event]
    wanted: dict[str, Any] = {"trigger": trigger, "frequency": spec.frequency, "unknown_policy": spec.unknown}
    wanted["steps"] = list(_steps(loop, spec, report))
    report.update(label, loop, wanted)
    _bring_into_state(loop, LoopState(spec.state), report, now)


def _steps(loop: Loop, spec: LoopSpec, report: Report) -> Iterator[dict[str, Any]]:
    """The steps in their JSON form. The n-th email of the loop stays the same email when the file changes it."""
    before = iter([step["email"] for step in loop.steps if step["type"] == "email"])
    for number, step in enumerate(spec.steps, 1):
        if step.email is None:
            yield _wait(step, number)
            continue
        email = _email(loop, step.email, next(before, None), f"{spec.name}, step {number}", report)
        yield {"id": f"email-{number}", "type": "email", "email": email.pk}


def _wait(step: StepSpec, number: int) -> dict[str, Any]:
    seconds = int(duration(step.wait or "", f"step {number}").total_seconds())
    return {"id": f"wait-{number}", "type": "wait", "seconds": seconds}


def _email(loop: Loop, spec: EmailSpec, pk: int | None, where: str, report: Report) -> Email:
    wanted = _email_fields(spec, where)
    email = Email.objects.filter(pk=pk, workspace_id=loop.workspace_id).first() if pk else None
    if email is None:
        email = Email.objects.create(workspace_id=loop.workspace_id, **wanted)
        report.add(f"email {email.name}: created")
    report.update(f"email {email.name}", email, wanted)
    return email


def _email_fields(spec: EmailSpec, where: str) -> dict[str, Any]:
    """The email's fields: the template's, with what the file says in their place."""
    if spec.template and spec.template not in GALLERY:
        raise BadFile(f"Loop {where}: there is no template {spec.template!r}, only {', '.join(GALLERY)}.")
    template = GALLERY.get(spec.template)
    if template is None and (spec.subject is None or spec.body is None):
        raise BadFile(f"Loop {where}: an email needs a template, or a subject and a body.")
    draft: Draft | None = template.draft if template else None
    fields = {part: _text(getattr(spec, part), draft, part) for part in PARTS}
    name = spec.name or (template.title if template else spec.subject)
    return {
        **{part: value for part, value in fields.items() if value is not None},
        "name": name,
        "template": spec.template,
    }


def _text(given: str | None, draft: Draft | None, part: str) -> str | None:
    if given is not None:
        return given
    return str(getattr(draft, part)) if draft is not None else None


def _bring_into_state(loop: Loop, state: LoopState, report: Report, now: datetime) -> None:
    before = (loop.state, loop.published_id)
    if state is LoopState.LIVE:
        problems = start(loop, now)
        if problems:
            raise BadFile(f"Loop {loop.name} cannot start: {' '.join(problems)}")
    elif state is LoopState.PAUSED and loop.state != LoopState.PAUSED:
        pause(loop, now)
    elif state is LoopState.DRAFT and loop.state != LoopState.DRAFT:
        loop.state = LoopState.DRAFT
        loop.save(update_fields=["state", "updated_at"])
    if before[0] != loop.state:
        report.add(f"loop {loop.name}: {LoopState(loop.state).label.lower()}")
    elif before[1] != loop.published_id:
        report.add(f"loop {loop.name}: published anew")
