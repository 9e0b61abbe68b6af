"""Make a loop of a gallery template: its event name, its email and its steps, as a draft."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.record import event_names
from cocoonmail.emails.models import Email
from cocoonmail.loops.gallery import Template
from cocoonmail.loops.models import Loop
from cocoonmail.loops.steps import SendEmail, Wait, write_steps


def create_loop(workspace: Workspace, template: Template, now: datetime) -> Loop:
    """A draft loop with the template's suggested trigger, a wait of 0 and the template's email.

    A second loop of one template is numbered, for people tell loops apart by their names.
    """
    with transaction.atomic():
        wanted = (workspace.pk, template.suggested_event)
        trigger = event_names({wanted}, now)[wanted]
        email = Email.objects.create(
            workspace=workspace, name=template.title, template=template.key, **asdict(template.draft)
        )
        steps = write_steps([Wait("wait", timedelta()), SendEmail("email", email.pk)])
        return Loop.objects.create(
            workspace=workspace, name=free_name(workspace, template.title), trigger=trigger, steps=steps
        )


def free_name(workspace: Workspace, wanted: str) -> str:
    """`wanted`, numbered if a loop of the workspace has this name already."""
    taken = set(Loop.objects.filter(workspace=workspace, name__startswith=wanted).values_list("name", flat=True))
    names = (wanted if number == 1 else f"{wanted} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
