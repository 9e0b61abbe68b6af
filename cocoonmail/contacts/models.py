"""Who we know and what happened to them."""

from __future__ import annotations

from typing import Any

from django.db import models

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.changes import Removal


class Contact(models.Model):
    """A person in a workspace's audience, known by email address.

    `email` is as its owner writes it, `email_key` the normalised form that is unique. `properties` holds the custom
    ones by name. `synced` remembers per field how recent the platform's word was that set it. `test` marks a contact
    that only test mode has seen.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    email = models.CharField(max_length=512)
    email_key = models.CharField(max_length=512)
    first_name = models.CharField(max_length=500, blank=True)
    last_name = models.CharField(max_length=500, blank=True)
    user_id = models.CharField(max_length=200, null=True)
    user_group = models.CharField(max_length=100, blank=True)
    source = models.CharField(max_length=100, blank=True)
    notes = models.TextField(blank=True)
    subscribed = models.BooleanField(default=True)
    unsubscribed_at = models.DateTimeField(null=True)
    test = models.BooleanField(default=False)
    properties: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    synced: models.JSONField[dict[str, int]] = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "email_key"], name="contact_once_per_email"),
            models.UniqueConstraint(fields=["workspace", "user_id"], name="contact_once_per_user_id"),
        ]
        # What is new goes to an index's end, which is quicker than to its beginning, and lists read it backwards.
        indexes = [
            models.Index(fields=["workspace", "created_at"], name="contact_newest"),
            # The filters of the Audience page. The first two are also gone through from one value to the next.
            models.Index(fields=["workspace", "user_group", "created_at"], name="contact_newest_by_group"),
            models.Index(fields=["workspace", "source", "created_at"], name="contact_newest_by_source"),
            models.Index(
                fields=["workspace", "created_at"], name="contact_newest_unsub", condition=models.Q(subscribed=False)
            ),
            models.Index(fields=["workspace", "created_at"], name="contact_newest_test", condition=models.Q(test=True)),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        """First and last name as one text, "" where neither is known."""
        return f"{self.first_name} {self.last_name}".strip()


class Suppression(models.Model):
    """An address that gets no mail of any kind, whoever has it now or later: it outlives the contact.

    `email_key` is normalised as Contact.email_key is. `note` says in words what the reason alone does not.
    """

    class Reason(models.TextChoices):
        """Why, and the words for it. In the order of weight: a heavier reason takes a lighter one's place."""

        MANUAL = "manual", "by hand"
        HARD_BOUNCE = "hard_bounce", "it bounced"
        COMPLAINT = "complaint", "its reader complained"

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    email_key = models.CharField(max_length=512)
    reason = models.CharField(max_length=11, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "email_key"], name="suppression_once")]


class ContactProperty(models.Model):
    """A custom property that a workspace's contacts may have."""

    class Type(models.TextChoices):
        STRING = "string", "Text"
        NUMBER = "number", "Number"
        BOOLEAN = "boolean", "Yes or no"
        DATE = "date", "Date"

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=Type.choices, default=Type.STRING)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="contact_property_once")]


class PlatformCustomer(models.Model):
    """What we remember of a platform's customer: which contact it is, and the newest claims about each field.

    `endpoint_id` names the endpoint that told us; it is no foreign key, for endpoints live above contacts. `claims`
    holds per field what `contacts.newest` decides by. `doubtful` is true where two payloads of one second could not
    be ordered by evidence.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    endpoint_id = models.BigIntegerField()
    account = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField()
    external_id = models.CharField(max_length=255)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="customers")
    claims: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    doubtful = models.BooleanField(default=False)
    deleted_at = models.PositiveBigIntegerField(null=True)
    removal = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Removal], default=Removal.KEEP)
    conflict = models.CharField(max_length=600, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "endpoint_id", "account", "livemode", "external_id"], name="customer_once"
            )
        ]
        indexes = [models.Index(fields=["workspace", "external_id"], name="customer_by_external_id")]


class EventName(models.Model):
    """A kind of event of a workspace. Made on first use; `properties` are the names seen so far with their types."""

    workspace = models.ForeignKey(Workspace, models.CASCADE)
    name = models.CharField(max_length=100)
    properties: models.JSONField[dict[str, str]] = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="event_name_once")]

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """Something that happened to a contact, once: `key` names the happening, and the database refuses a second one.

    `delivery_id` leads back to the webhook that told us; it is no foreign key, for deliveries live above contacts.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    name = models.ForeignKey(EventName, models.CASCADE, related_name="events", db_index=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="events")
    key = models.CharField(max_length=600)
    properties: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    delivery_id = models.BigIntegerField(null=True)
    test = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="event_once")]
        indexes = [
            models.Index(fields=["workspace", "recorded_at"], name="event_newest"),
            models.Index(fields=["name", "recorded_at"], name="event_newest_by_name"),
            models.Index(fields=["delivery_id"], name="event_by_delivery"),
        ]
