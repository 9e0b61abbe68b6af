"""Who may enter: workspaces, their members, and the one-time links that let people in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models


class People(BaseUserManager["User"]):
    """Makes users who are known by their email address alone."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user with a hashed password; without one, nobody can log in as this user."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractUser):
    """A person who uses Cocoonmail. Logs in by email address."""

    username: ClassVar[None] = None  # type: ignore[assignment,misc]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = People()  # type: ignore[misc, assignment]

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class Workspace(models.Model):
    """One tenant: its contacts, loops and members. `address` is the postal address that marketing email must carry."""

    name = models.CharField(max_length=100)
    sender_name = models.CharField(max_length=100, blank=True)
    sender_email = models.CharField(max_length=254, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    address = models.CharField(max_length=300, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    # The transport as a URL (smtp://…), sealed because it holds a password; "" captures mail instead of sending it.
    transport_sealed = models.TextField(blank=True)
    # Messages per second to a recipient domain (a lower-case A-label); emails.limits reads it.
    domain_rates: models.JSONField[dict[str, float]] = models.JSONField(default=dict, blank=True)
    # How many days it keeps webhooks' bodies, events and finished runs, and messages (accounts.keeping).
    webhook_days = models.PositiveSmallIntegerField(default=90)
    history_days = models.PositiveSmallIntegerField(default=730)
    message_days = models.PositiveSmallIntegerField(default=365)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do: owners also manage members, admins the settings, editors the content."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    EDITOR = "editor", "Editor"
    VIEWER = "viewer", "Viewer"


class Member(models.Model):
    """One user's place in one workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace")]


class Invitation(models.Model):
    """A link that lets one person in, once. Only its token's SHA-256 is kept.

    An owner's link has no workspace where none exists yet: whoever opens it names the first one.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, related_name="invitations")
    token_hash = models.CharField(max_length=64, unique=True)
    email = models.CharField(max_length=254, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Installation(models.Model):
    """The one row that says which installation this database is, and whether it may send (promise S11).

    `generation` goes up when a copy is taken into use, `marks` (PostgreSQL: the sequence accounts_marks) with each
    commit that lets mail go. `home` names the PostgreSQL database that it was last used in. While `paused_at` is set,
    or `moved_to` says where the installation went, no mail is sent.
    """

    uuid = models.CharField(max_length=32)
    generation = models.PositiveBigIntegerField(default=1)
    marks = models.PositiveBigIntegerField(default=0)
    home = models.CharField(max_length=100, blank=True)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=300, blank=True)
    moved_to = models.CharField(max_length=300, blank=True)
