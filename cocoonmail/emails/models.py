"""What we write: Email (authored), EmailVersion (published), Message (addressed to one contact); Pace, their limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.compose import Format, Kind
from cocoonmail.kit.claims import Claimable


class Email(models.Model):
    """An email as its author writes it. Empty sender fields mean the workspace's sender."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    name = models.CharField(max_length=200)
    subject = models.CharField(max_length=500, blank=True)
    preview = models.CharField(max_length=500, blank=True)
    from_name = models.CharField(max_length=200, blank=True)
    from_email = models.CharField(max_length=254, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    format = models.CharField(max_length=10, choices=[(f.value, f.value) for f in Format], default=Format.MARKDOWN)
    body = models.TextField(blank=True)
    kind = models.CharField(max_length=13, choices=[(k.value, k.value) for k in Kind], default=Kind.MARKETING)
    # The gallery template that it began as, "" for none.
    template = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class EmailVersion(models.Model):
    """An email as it was published: compiled, and never changed again. `digest` finds an equal one published before."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    email = models.ForeignKey(Email, models.SET_NULL, null=True, related_name="versions")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    compiled: models.JSONField[dict[str, Any]] = models.JSONField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "email", "digest"], name="email_version_once")]


class Status(models.TextChoices):
    """Where a message is. Only QUEUED is work; SENDING is never taken up again by itself (promise S2)."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    CAPTURED = "captured", "Captured"
    HELD = "held", "Held"
    SKIPPED = "skipped", "Not sent"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"


class Message(Claimable):
    """An email on its way to one contact, once: `key` names why it exists.

    `facts` are the values that are merged in, taken when the message was made, so that every attempt has the same
    bytes (promise S4). `token` is the left half of its Message-ID. `reason` says in words why it is where it is.
    `loop_id`, `run_id` and `step` lead back to the run; they are no foreign keys, for loops live above emails.
    `unsettled` counts the claims since a worker last wrote what became of it: more than one, and its worker vanished.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="messages")
    version = models.ForeignKey(EmailVersion, models.RESTRICT, related_name="messages")
    key = models.CharField(max_length=200)
    loop_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)
    step = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=13)
    to_email = models.CharField(max_length=512)
    subject = models.CharField(max_length=1000, blank=True)
    facts: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    token = models.CharField(max_length=32)
    test = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    unsettled = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=1000, blank=True)
    receipt = models.CharField(max_length=1000, blank=True)
    conversation = models.TextField(blank=True)
    message_id = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    # When it was last queued anew, by a person or by its loop's rule: how long it is tried counts from here.
    released_at = models.DateTimeField(null=True)
    # When it last became unknown; and when, for that, its loop's rule sent it again by itself, which it does once.
    unknown_at = models.DateTimeField(null=True)
    resent_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="message_once")]
        indexes = [
            models.Index(fields=["workspace", "due_at"], name="message_due", condition=models.Q(due_at__isnull=False)),
            # What goes alone (emails.suspects) is found at once, however much else is due.
            models.Index(
                fields=["due_at"], name="message_alone", condition=models.Q(due_at__isnull=False, unsettled__gte=2)
            ),
            models.Index(fields=["workspace", "created_at"], name="message_newest"),
            models.Index(fields=["workspace", "status", "created_at"], name="message_newest_by_status"),
            models.Index(fields=["run_id"], name="message_by_run"),
            models.Index(fields=["loop_id", "status"], name="message_by_loop"),
        ]

    def put_back(self, due_at: datetime) -> None:
        """Into the queue as it came, as if it had not been claimed: what stood in its way says nothing about it."""
        self.status, self.due_at = Status.QUEUED, due_at
        self.attempts, self.unsettled = max(self.attempts - 1, 0), max(self.unsettled - 1, 0)


class Pace(models.Model):
    """Where the slots of a limit have got to (promise S7): of the workspace's transport, or of a recipient domain.

    `name` is the domain, "" for the transport. `last_at` is the slot given last; the next one follows from the limit as
    it is then, so that a changed limit counts at once.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    name = models.CharField(max_length=255, blank=True)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="pace_once")]


class SendingDomain(models.Model):
    """A key pair that signs mail from a domain (DKIM): an RSA and an Ed25519 key, under one selector each.

    A domain has a row for each pair it was given; at most one of them is `enabled`. Private keys are sealed. `records`
    are the TXT records of the public halves, and `findings` what the DNS last said, as `emails/findings.py` puts it.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="sending_domains")
    domain = models.CharField(max_length=253)  # Lower case, in ASCII (A-labels)
    selector = models.CharField(max_length=20)  # What both selectors begin with
    rsa_sealed = models.TextField()
    rsa_record = models.TextField()
    ed25519_sealed = models.TextField()
    ed25519_record = models.TextField()
    enabled = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    findings: models.JSONField[list[dict[str, str]]] = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "domain", "selector"], name="sending_domain_once"),
            models.UniqueConstraint(
                fields=["workspace", "domain"], condition=models.Q(enabled=True), name="sending_domain_one_signs"
            ),
        ]

    def __str__(self) -> str:
        return self.domain
