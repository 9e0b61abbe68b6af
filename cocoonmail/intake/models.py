"""Where webhooks come in: Endpoint (a URL that we gave out), Delivery (a request received), Refusal (one refused).

Backfill fetches what did not come in.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.changes import Removal
from cocoonmail.contacts.models import Contact
from cocoonmail.kit.claims import Claimable
from cocoonmail.kit.secrets import new_token, seal, unseal

SECRET_PURPOSE = "endpoint:secret"  # noqa: S105 - the name of what is sealed, not a secret


class Endpoint(models.Model):
    """A webhook URL that we gave out: `/hooks/<platform>/<token>`."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="endpoints")
    name = models.CharField(max_length=100)
    platform = models.CharField(max_length=30)
    token = models.CharField(max_length=64, unique=True, default=new_token)
    enabled = models.BooleanField(default=True)
    # Live events are always processed; events of test mode only where this is on, else they are logged.
    process_test = models.BooleanField(default=True)
    # Events of connected accounts (Stripe Connect) are ignored unless this is on.
    connect = models.BooleanField(default=False)
    user_group = models.CharField(max_length=100, blank=True)
    first_live_at = models.DateTimeField(null=True)
    # How many requests came in while the endpoint was switched off.
    refused_while_disabled = models.PositiveIntegerField(default=0)
    refused_total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "platform", "name"], name="endpoint_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """The URL's path, to be put behind the installation's address."""
        return f"/hooks/{self.platform}/{self.token}"


class SigningSecret(models.Model):
    """One of an endpoint's signing secrets, sealed. The Dashboard's and the CLI's differ, and rolling overlaps."""

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="secrets")
    workspace = models.ForeignKey(Workspace, models.CASCADE)
    sealed = models.TextField()
    # The last four characters, to tell one from another on the page.
    hint = models.CharField(max_length=4)
    created_at = models.DateTimeField(auto_now_add=True)

    @classmethod
    def of(cls, endpoint: Endpoint, secret: str) -> SigningSecret:
        """A new one, not yet saved."""
        sealed = seal(secret, SECRET_PURPOSE)
        return cls(endpoint=endpoint, workspace_id=endpoint.workspace_id, sealed=sealed, hint=secret[-4:])

    def reveal(self) -> str:
        """The secret itself. Raises kit.secrets.Unsealable when the installation's key no longer fits."""
        return unseal(self.sealed, SECRET_PURPOSE)


class EventChoice(models.Model):
    """What an endpoint does with one of its platform's event types. A type without a row here is off."""

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="choices")
    workspace = models.ForeignKey(Workspace, models.CASCADE)
    type = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    # The event name to trigger, "" for none.
    trigger = models.CharField(max_length=100, blank=True)
    sync_names = models.BooleanField(default=True)
    # Set triggers off even for updates in which nothing that people care about changed.
    noise_triggers = models.BooleanField(default=False)
    removal = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Removal], default=Removal.KEEP)
    # In the JSON form of intake.conditions; {} holds always.
    condition: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "endpoint", "type"], name="event_choice_once")]


class BackfillState(models.TextChoices):
    """Where a backfill is. WORKING is work."""

    WORKING = "working", "Fetching"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


class Backfill(Claimable):
    """Fetch what a platform tried to tell an endpoint in the past, page by page, newest first (promise R14).

    `after` is the platform's id of the oldest event fetched so far, where the next page begins, and `reached` when that
    happened. The API key is kept, sealed, until the end. `fetched` counts the events listed, `added` those that were
    not here yet, and `passed_over` those that the endpoint does not want.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="backfills", db_index=False)
    state = models.CharField(max_length=10, choices=BackfillState.choices, default=BackfillState.WORKING)
    since = models.DateTimeField()
    # Whether what is fetched starts loops, as if it had just arrived; else it only changes contacts and records events.
    starts_loops = models.BooleanField()
    sealed = models.TextField(blank=True)
    # The API key's last four characters.
    hint = models.CharField(max_length=4)
    after = models.CharField(max_length=255, blank=True)
    reached = models.DateTimeField(null=True)
    fetched = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    passed_over = models.PositiveIntegerField(default=0)
    # How many times in a row the platform gave no answer.
    in_vain = models.PositiveSmallIntegerField(default=0)
    # Why it waits or failed, in words.
    trouble = models.CharField(max_length=1000, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "endpoint"], condition=models.Q(state="working"), name="backfill_one_at_a_time"
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "due_at"], name="backfill_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["endpoint", "started_at"], name="backfill_by_time"),
        ]

    @property
    def known(self) -> int:
        """How many of the events were here already."""
        return self.fetched - self.added - self.passed_over


class DeliveryState(models.TextChoices):
    """Where a delivery is. WAITING is work; PARKED and NO_ADDRESS are taken up when their customer arrives."""

    WAITING = "waiting", "Waiting"
    DONE = "done", "Processed"
    NO_ADDRESS = "no_address", "No email address"
    PARKED = "parked", "Parked"
    IGNORED = "ignored", "Ignored"
    LOGGED = "logged", "Only logged"
    FAILED = "failed", "Failed"


class Delivery(Claimable):
    """A webhook request that was authentic: its raw bytes, and what became of it in words.

    Unique by (endpoint, account, livemode, external id): a second request with the same id only counts up
    `duplicates`; `differing` counts those whose body was another one. Bodies and headers are let go of before the rows,
    which tell a duplicate: then they are empty, and no body that is authentic is.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, db_index=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries", db_index=False)
    account = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField()
    external_id = models.CharField(max_length=255)
    type = models.CharField(max_length=200)
    api_version = models.CharField(max_length=100, blank=True)
    occurred_at = models.DateTimeField()
    body = models.BinaryField()
    headers: models.JSONField[dict[str, str]] = models.JSONField()
    # How many seconds the sender's clock was ahead of ours, 0 where it was not.
    clock_ahead = models.IntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    differing = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    # What the body means, and what followed from it, each in words.
    understood = models.CharField(max_length=1000, blank=True)
    result = models.CharField(max_length=1000, blank=True)
    trouble = models.TextField(blank=True)
    customer_key = models.CharField(max_length=255, blank=True)
    # The backfill that fetched it, NULL where it came in by the door. No foreign key: then it would want an index.
    backfill_id = models.BigIntegerField(null=True)
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+", db_index=False)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "endpoint", "account", "livemode", "external_id"], name="delivery_once"
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "due_at"], name="delivery_due", condition=models.Q(due_at__isnull=False)),
            # What arrives goes to their end, which is quicker than to their beginning; they are read backwards.
            models.Index(fields=["endpoint", "received_at"], name="delivery_by_time"),
            models.Index(fields=["endpoint", "state", "received_at"], name="delivery_by_state"),
            models.Index(fields=["contact"], name="delivery_by_contact", condition=models.Q(contact__isnull=False)),
            models.Index(
                fields=["endpoint", "customer_key"],
                name="delivery_waiting_for_customer",
                condition=models.Q(state__in=["parked", "no_address"]),
            ),
        ]


class Refusal(models.Model):
    """The trace of a request that was turned away: each endpoint keeps its last few, in slots (promise R12)."""

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="refusals")
    workspace = models.ForeignKey(Workspace, models.CASCADE)
    slot = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=50)
    message = models.CharField(max_length=500)
    # The body's first bytes, as text.
    preview = models.CharField(max_length=2048, blank=True)
    refused_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "endpoint", "slot"], name="refusal_slot_once")]
