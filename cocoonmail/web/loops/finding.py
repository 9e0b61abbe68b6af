"""Find what a URL names, within the reader's own workspace: other tenants' ids lead nowhere."""

from __future__ import annotations

from django.shortcuts import get_object_or_404

from cocoonmail.emails.models import Email
from cocoonmail.loops.models import Loop
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.web.shared.middleware import MemberRequest


def loop_of(request: MemberRequest, pk: int) -> Loop:
    """One loop, with its trigger and what is published of it. Raises Http404."""
    mine = Loop.objects.filter(workspace=request.workspace).select_related("trigger", "published", "workspace")
    return get_object_or_404(mine, pk=pk)


def email_of(loop: Loop, pk: int) -> Email:
    """An email that this loop sends. Raises Http404."""
    return get_object_or_404(Email, workspace_id=loop.workspace_id, pk=pk, pk__in=sent_by(loop))


def sent_by(loop: Loop) -> list[int]:
    """The ids of the emails in a loop's draft."""
    return [step.email for step in read_steps(loop.steps) if isinstance(step, SendEmail)]


def emails_of(loop: Loop) -> dict[int, Email]:
    """The emails of a loop's draft and of what is published of it, by id."""
    published = read_steps(loop.published.steps) if loop.published else []
    wanted = {*sent_by(loop), *(step.email for step in published if isinstance(step, SendEmail))}
    return dict(Email.objects.filter(workspace_id=loop.workspace_id).in_bulk(wanted))
