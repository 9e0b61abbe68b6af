"""What we do about it: Loop, LoopVersion (immutable once published), Run (one contact's passage)."""

from __future__ import annotations

from typing import Any

from django.db import models

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact, Event, EventName
from cocoonmail.kit.claims import Claimable


class LoopState(models.TextChoices):
    """Drafts take nobody in; live loops do; paused ones keep everybody where they are."""

    DRAFT = "draft", "Draft"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"


class Frequency(models.TextChoices):
    """How often one contact may enter a loop."""

    ONE_TIME = "one_time", "One time"
    EVERY_TIME = "every_time", "Every time"


class UnknownPolicy(models.TextChoices):
    """What follows when nobody knows whether a message left: a person decides, or it is sent again, once."""

    HOLD = "hold", "Hold it for a person"
    RESEND_ONCE = "resend_once", "Send it again, once"


class Loop(models.Model):
    """An automation: an event takes a contact in, steps are taken one after the other.

    `steps` is the draft, in the JSON form of `loops.steps`; `published` is what runs. `unknown_policy` is no part of
    what is published: it counts from the moment it is changed, also for messages that were made before.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    name = models.CharField(max_length=200)
    trigger = models.ForeignKey(EventName, models.RESTRICT, null=True, related_name="loops")
    frequency = models.CharField(max_length=10, choices=Frequency.choices, default=Frequency.EVERY_TIME)
    steps: models.JSONField[list[dict[str, Any]]] = models.JSONField(default=list)
    state = models.CharField(max_length=6, choices=LoopState.choices, default=LoopState.DRAFT)
    paused_at = models.DateTimeField(null=True)
    published = models.ForeignKey("LoopVersion", models.SET_NULL, null=True, related_name="+")
    unknown_policy = models.CharField(max_length=11, choices=UnknownPolicy.choices, default=UnknownPolicy.HOLD)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "state"], name="loop_by_state")]

    def __str__(self) -> str:
        return self.name


class LoopVersion(models.Model):
    """A loop as it was published. Runs that began with it end with it, whatever is published later (promise W6)."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    loop = models.ForeignKey(Loop, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    trigger = models.ForeignKey(EventName, models.RESTRICT, related_name="+")
    frequency = models.CharField(max_length=10, choices=Frequency.choices)
    steps: models.JSONField[list[dict[str, Any]]] = models.JSONField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "loop", "number"], name="loop_version_once")]


class RunState(models.TextChoices):
    """Where a run is."""

    WAITING = "waiting", "In progress"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"


class Run(Claimable):
    """One contact's passage through one version of a loop. `step` is the id of the step it takes next.

    `key` names why it began: the contact for loops that take each in once, the event for the others.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    loop = models.ForeignKey(Loop, models.CASCADE, related_name="runs", db_index=False)
    version = models.ForeignKey(LoopVersion, models.CASCADE)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="runs")
    event = models.ForeignKey(Event, models.CASCADE, related_name="runs")
    key = models.CharField(max_length=80)
    step = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.WAITING)
    # Why it stands or ended where it does, in words.
    reason = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="run_once")]
        indexes = [
            models.Index(fields=["workspace", "due_at"], name="run_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["loop", "state", "started_at"], name="run_newest_by_loop"),
        ]
