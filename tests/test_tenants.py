"""Tenants are told apart by the schema itself: every table has the workspace, every unique key begins with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db import connection, models

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact, Event
from cocoonmail.emails.models import Message
from cocoonmail.loops.models import Loop, Run
from tests.people import workspace
from tests.shop import FILE, Shop, event

pytestmark = pytest.mark.django_db

# What belongs to no workspace, and why.
SHARED = {
    "accounts_user": "a person may be a member of several",
    "accounts_user_groups": "Django's own, unused",
    "accounts_user_user_permissions": "Django's own, unused",
    "auth_group": "Django's own, unused",
    "auth_group_permissions": "Django's own, unused",
    "auth_permission": "Django's own, unused",
    "account_emailaddress": "a person's",
    "account_emailconfirmation": "a person's",
    "mfa_authenticator": "a person's",
    "django_session": "a person's",
    "django_content_type": "the code's",
    "django_migrations": "the code's",
    "accounts_workspace": "the tenants themselves",
    "accounts_installation": "of the whole installation",
    "watch_worker": "workers serve all workspaces",
}
# Unique without the workspace, and why.
UNIQUE_ANYWHERE = {
    ("intake_endpoint", ("token",)): "a webhook's URL names nothing else, and nobody can guess it",
    ("accounts_invitation", ("token_hash",)): "a one-time link names nothing else, and nobody can guess it",
}
# Without a workspace, and why.
MAY_HAVE_NONE = {"accounts_invitation": "the first owner's link is older than the first workspace"}


class Key(NamedTuple):
    """A foreign key between tables of workspaces: the table and column that point, and where to."""

    table: str
    column: str
    target: str


def tenants() -> list[type[models.Model]]:
    """The models whose rows belong to a workspace."""
    return [model for model in apps.get_models() if "workspace_id" in columns(model)]


def columns(model: type[models.Model]) -> list[str]:
    return [str(field.column) for field in model._meta.local_concrete_fields]


def uniques(model: type[models.Model]) -> Iterator[tuple[str, ...]]:
    """The columns of each unique constraint that a model declares, its primary key left out."""
    meta: Any = model._meta
    yield from ((field.column,) for field in meta.local_concrete_fields if field.unique and not field.primary_key)
    yield from (tuple(meta.get_field(name).column for name in one.fields) for one in meta.total_unique_constraints)
    yield from (tuple(names) for names in meta.unique_together)


def stored_uniques() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Table and columns of every unique index that the database really has, primary keys left out."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for found in connection.introspection.get_constraints(cursor, table).values():
                if found["unique"] and not found["primary_key"]:
                    yield table, tuple(found["columns"])


def keys() -> Iterator[Key]:
    """Every foreign key from one workspace's table to another."""
    theirs = set(tenants())
    for model in theirs:
        for field in model._meta.local_concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model in theirs:
                yield Key(model._meta.db_table, field.column, field.related_model._meta.db_table)


def strays() -> list[Key]:
    """The foreign keys by which some row points into another workspace."""
    return [key for key in keys() if _strays(key)]


def _strays(key: Key) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {key.table} one JOIN {key.target} other ON other.id = one.{key.column}"
            " WHERE one.workspace_id <> other.workspace_id"
        )
        return int(cursor.fetchone()[0])


def test_every_table_belongs_to_a_workspace_or_is_known_to_be_shared() -> None:
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    assert there == {model._meta.db_table for model in tenants()} | set(SHARED)


def test_no_row_is_without_its_workspace() -> None:
    nullable = set()
    with connection.cursor() as cursor:
        for table in (model._meta.db_table for model in tenants()):
            described: Any = connection.introspection.get_table_description(cursor, table)
            nullable |= {table for column in described if column.name == "workspace_id" and column.null_ok}
    assert nullable == set(MAY_HAVE_NONE)


def test_what_is_unique_is_unique_within_its_workspace() -> None:
    declared = {(model._meta.db_table, key) for model in tenants() for key in uniques(model)}
    stored = {(table, key) for table, key in stored_uniques() if table not in SHARED}
    assert declared <= stored
    assert {(table, key) for table, key in declared | stored if key[:1] != ("workspace_id",)} == set(UNIQUE_ANYWHERE)


def test_two_workspaces_with_the_same_customers_share_no_row() -> None:
    ours = Shop.opened()
    workspace("Evil")
    theirs = Shop.opened(file=(FILE % "capture").replace("workspace: Acme", "workspace: Evil"))
    happened = [event("customer.created"), event("invoice.paid"), event("invoice.payment_failed")]
    for shop in (ours, theirs):
        shop.hear(*happened)
    ours.work()
    for model in (Contact, Event, Loop, Run, Message):
        rows = {one.name: model.objects.filter(workspace=one).count() for one in Workspace.objects.all()}
        assert rows["Acme"] == rows["Evil"] > 0, model
    assert not strays()


def test_a_row_that_points_into_another_workspace_would_be_seen() -> None:
    shop = Shop.opened()
    shop.hear(event("customer.created"))
    shop.work()
    Message.objects.update(workspace=workspace("Evil"))
    assert {(key.table, key.column) for key in strays()} == {
        ("emails_message", "contact_id"),
        ("emails_message", "version_id"),
    }
