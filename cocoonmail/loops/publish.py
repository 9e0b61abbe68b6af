"""Start, pause and resume a loop; what runs is always a published version that never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from cocoonmail.emails.compose import check
from cocoonmail.emails.models import Email, EmailVersion
from cocoonmail.emails.publish import draft_of
from cocoonmail.emails.publish import publish as publish_email
from cocoonmail.emails.transport import server_of
from cocoonmail.loops.models import Loop, LoopState, LoopVersion
from cocoonmail.loops.steps import BadStep, SendEmail, Step, read_steps, write_steps


def start(loop: Loop, now: datetime) -> list[str]:
    """Publish the draft and let contacts in. Returns what keeps it from starting, in words; [] when it is live."""
    with transaction.atomic():
        problems = publish(loop, now)
        if not problems:
            loop.state, loop.paused_at = LoopState.LIVE, None
            loop.save(update_fields=["state", "paused_at", "published", "updated_at"])
    return problems


def pause(loop: Loop, now: datetime) -> None:
    """Keep everybody where they are. From the commit on no step begins (promise W6)."""
    loop.state, loop.paused_at = LoopState.PAUSED, now
    loop.save(update_fields=["state", "paused_at", "updated_at"])


def publish(loop: Loop, now: datetime) -> list[str]:
    """Make the draft the loop's published version, where it differs from it. Returns the problems; does not save."""
    if loop.trigger is None:
        return ["Choose the event that starts this loop."]
    try:
        steps = read_steps(loop.steps)
    except BadStep as error:
        return [str(error)]
    if not any(isinstance(step, SendEmail) for step in steps):
        return ["Add a step that sends an email."]
    versions, problems = _publish_emails(loop, steps, now)
    if problems:
        return problems
    form = write_steps([_pinned(step, versions) for step in steps])
    if loop.published is None or _differs(loop.published, loop, form):
        loop.published = _new_version(loop, form, now)
    return []


def _publish_emails(loop: Loop, steps: Sequence[Step], now: datetime) -> tuple[dict[int, EmailVersion], list[str]]:
    """The published emails of the steps by email id, and what is wrong with those that cannot be published."""
    wanted = [step.email for step in steps if isinstance(step, SendEmail)]
    emails = Email.objects.filter(workspace_id=loop.workspace_id).select_related("workspace").in_bulk(wanted)
    versions: dict[int, EmailVersion] = {}
    problems = ["A step's email no longer exists."] if set(wanted) - emails.keys() else []
    for email in emails.values():
        result = publish_email(email, now)
        if isinstance(result, EmailVersion):
            versions[email.pk] = result
        else:
            problems += [f"{email.name}, {problem.field}: {problem.message}" for problem in result]
    return versions, problems


def advice(loop: Loop) -> list[str]:
    """The warnings of the loop's emails, in words, each once: what was published all the same."""
    wanted = [step.email for step in read_steps(loop.steps) if isinstance(step, SendEmail)]
    emails = Email.objects.filter(workspace_id=loop.workspace_id).in_bulk(wanted)
    found = (
        (email, problem)
        for email in emails.values()
        for problem in check(draft_of(email), server_of(email.workspace))
        if problem.warning
    )
    return list(dict.fromkeys(f"{email.name}, {problem.field}: {problem.message}" for email, problem in found))


def _pinned(step: Step, versions: dict[int, EmailVersion]) -> Step:
    return replace(step, version=versions[step.email].pk) if isinstance(step, SendEmail) else step


def _differs(version: LoopVersion, loop: Loop, form: list[dict[str, object]]) -> bool:
    return (version.trigger_id, version.frequency, version.steps) != (loop.trigger_id, loop.frequency, form)


def _new_version(loop: Loop, form: list[dict[str, object]], now: datetime) -> LoopVersion:
    assert loop.trigger is not None  # Seen to before.
    latest = loop.versions.order_by("-number").values_list("number", flat=True).first() or 0
    return LoopVersion.objects.create(
        workspace_id=loop.workspace_id,
        loop=loop,
        number=latest + 1,
        trigger=loop.trigger,
        frequency=loop.frequency,
        steps=form,
        published_at=now,
    )
