"""Who tries things in tests: Alice owns Acme, Bob helps her, Vera may only look, Mallory has no business here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from cocoonmail.accounts.models import Member, Role, User, Workspace


class Person(Client):
    """A member at their browser: a logged-in test client that knows its `user` and `workspace`."""

    def __init__(self, user: User, workspace: Workspace, **defaults: Any) -> None:
        super().__init__(**{"SERVER_NAME": "127.0.0.1", **defaults})
        self.user, self.workspace = user, workspace
        self.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    @property
    def client(self) -> Person:
        """Their browser: themselves."""
        return self


@dataclass(frozen=True)
class People:
    """Everybody at once. Alice, Bob and Vera share a workspace."""

    alice: Person
    bob: Person
    vera: Person
    mallory: Person


def people() -> People:
    """Everybody, new; needs the database."""
    acme = workspace("Acme")
    return People(
        alice=person("alice@acme.test", Role.OWNER, acme),
        bob=person("bob@acme.test", Role.EDITOR, acme),
        vera=person("vera@acme.test", Role.VIEWER, acme),
        mallory=person("mallory@evil.test", Role.OWNER, workspace("Evil")),
    )


def workspace(name: str) -> Workspace:
    """A workspace whose sender and address are set."""
    domain = f"{name.lower()}.test"
    return Workspace.objects.create(
        name=name, sender_name=name, sender_email=f"hello@{domain}", address="1 Main St, Oslo"
    )


def person(email: str, role: Role, workspace: Workspace) -> Person:
    """A new user with this role in the workspace, logged in."""
    user = User.objects.create_user(email)
    Member.objects.create(workspace=workspace, user=user, role=role)
    return Person(user, workspace)


@pytest.fixture
def everybody(db: None) -> People:
    """All four."""
    return people()


@pytest.fixture
def acme(everybody: People) -> Workspace:
    """The workspace in which Alice, Bob and Vera are."""
    return everybody.alice.workspace


@pytest.fixture
def alice(everybody: People) -> Person:
    """Owns Acme."""
    return everybody.alice


@pytest.fixture
def bob(everybody: People) -> Person:
    """Edits in Acme."""
    return everybody.bob


@pytest.fixture
def vera(everybody: People) -> Person:
    """Looks at Acme, and may change nothing."""
    return everybody.vera


@pytest.fixture
def mallory(everybody: People) -> Person:
    """Owns another workspace."""
    return everybody.mallory
