"""What the database itself shows to whom: a page that forgets to ask for its workspace gets no row of another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path

from cocoonmail.accounts import walls
from cocoonmail.accounts.models import Workspace
from cocoonmail.accounts.walls import across, fenced, inside, looks_over_walls, open_tables, walled
from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows
from cocoonmail.watch.doctor.finding import Level
from cocoonmail.watch.doctor.walls import walls as doctor
from tests import ground
from tests.people import People, everybody
from tests.shop import Shop, event

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not ground.POSTGRES, reason="SQLite has no row-level security"),
    pytest.mark.urls(__name__),
]

__all__ = ["everybody"]

Deed = Callable[[], Any]
_deeds: list[Deed] = []


def page(request: HttpRequest) -> JsonResponse:
    """A page of a careless author: it does what the test says, and asks for no workspace."""
    return JsonResponse({"did": _deeds.pop()()})


urlpatterns = [path("page", page)]


def on_a_page(reader: Client, deed: Deed) -> Any:
    _deeds.append(deed)
    return reader.get("/page").json()["did"]


def contact_in(workspace: Workspace, email: str = "ada@example.com") -> Contact:
    now = database_now()
    return Contact.objects.create(workspace=workspace, email=email, email_key=email, created_at=now, updated_at=now)


@pytest.fixture
def theirs(everybody: People) -> Contact:
    """A contact of Acme, whom Mallory has no business with; she has one of her own."""
    contact_in(everybody.mallory.workspace)
    return contact_in(everybody.alice.workspace)


def seen() -> list[str]:
    return list(Contact.objects.order_by("workspace__name").values_list("workspace__name", flat=True))


def test_a_page_that_asks_for_no_workspace_gets_its_readers_rows_alone(everybody: People, theirs: Contact) -> None:
    assert on_a_page(everybody.mallory, seen) == ["Evil"]
    assert on_a_page(everybody.alice, seen) == ["Acme"]
    assert seen() == ["Acme", "Evil"], "Whoever is no page sees all of them again."


def test_nobody_knows_gets_nothing(everybody: People, theirs: Contact) -> None:
    nobody = Client(SERVER_NAME="127.0.0.1")
    for table, _ in fenced():
        assert on_a_page(nobody, lambda name=table: counted(name)) == 0, table  # type: ignore[misc]


def test_a_page_changes_and_deletes_no_row_of_another_workspace(everybody: People, theirs: Contact) -> None:
    def change() -> list[int]:
        rows = Contact.objects.filter(pk=theirs.pk)
        one_by_one = update_rows([theirs], ["notes"])
        return [rows.update(notes="mine"), rows.delete()[0], one_by_one]

    theirs.notes = "mine"
    assert on_a_page(everybody.mallory, change) == [0, 0, 0]
    assert on_a_page(everybody.alice, lambda: update_rows([theirs], ["notes"])) == 1
    theirs.refresh_from_db()
    assert theirs.notes == "mine"


def test_a_page_puts_no_row_into_another_workspace(everybody: People, theirs: Contact) -> None:
    acme, own = everybody.alice.workspace, everybody.mallory.workspace
    put_there: list[Deed] = [
        lambda: contact_in(acme, "new@example.com"),
        lambda: Contact.objects.filter(workspace=own).update(workspace=acme),
        lambda: Suppression.objects.create(
            workspace=acme, email_key="a@b.c", reason="manual", created_at=database_now()
        ),
    ]
    for deed in put_there:
        assert "row-level security" in on_a_page(everybody.mallory, lambda deed=deed: refused(deed))  # type: ignore[misc]
    assert on_a_page(everybody.mallory, lambda: contact_in(own, "new@example.com").workspace_id) == own.pk


def refused(deed: Deed) -> str:
    try:
        with transaction.atomic():
            deed()
    except ProgrammingError as error:
        return str(error)
    return ""


def counted(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_raw_sql_sees_one_workspaces_rows_all_or_none(everybody: People) -> None:
    for reader in (everybody.alice, everybody.mallory):
        contact_in(reader.workspace)
    shop = Shop.opened()
    shop.hear(event("customer.created"))
    shop.work()
    acme = everybody.alice.workspace.pk
    whole = {table: counted(table) for table, _ in fenced()}
    assert whole["contacts_contact"] > 1
    with psycopg.connect(**connection.get_connection_params()) as raw:
        for table, column in fenced():
            assert rows_of(raw, f"SELECT 1 FROM {table}") == [], f"{table} is open to whoever sets nothing."
            raw.execute("SELECT set_config('cocoonmail.workspace', %s, true)", [str(acme)])
            assert {id for (id,) in rows_of(raw, f"SELECT {column} FROM {table}")} <= {acme}, table
            raw.execute("SET LOCAL cocoonmail.workspace = '*'")
            assert len(rows_of(raw, f"SELECT 1 FROM {table}")) == whole[table]
            raw.rollback()


def rows_of(raw: psycopg.Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    return raw.execute(sql.encode()).fetchall()


def test_what_a_page_may_see_ends_with_its_statement(everybody: People, theirs: Contact) -> None:
    acme, evil = everybody.alice.workspace.pk, everybody.mallory.workspace.pk
    with walled():
        assert seen() == []
        with inside(acme):
            assert seen() == ["Acme"]
            with across():
                assert seen() == ["Acme", "Evil"]
            assert refused(lambda: contact_in(everybody.mallory.workspace, "new@example.com"))
            assert seen() == ["Acme"], "A transaction that was undone changes nothing about it."
            with transaction.atomic(), inside(evil):
                assert seen() == ["Evil"]
        with inside(None):
            assert seen() == []


@pytest.mark.django_db(transaction=True)
def test_a_page_leaves_nothing_behind_on_its_connection(everybody: People, theirs: Contact) -> None:
    with walled(), inside(theirs.workspace_id):
        assert seen() == ["Acme"]
        with transaction.atomic():
            assert update_rows([theirs], ["notes"]) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('cocoonmail.workspace')")
        assert cursor.fetchone() == ("*",), "What stands there was set when this connection began."


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_begins_on_a_page_is_open_to_nothing(everybody: People, theirs: Contact) -> None:
    connection.close()
    with walled():
        with across():
            assert seen() == ["Acme", "Evil"]
        assert connection.connection.execute("SELECT count(*) FROM contacts_contact").fetchone() == (0,)
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_cursor_that_stays_on_the_server_shows_no_more(everybody: People, theirs: Contact) -> None:
    def read() -> list[str]:
        return [row.workspace.name for row in Contact.objects.select_related("workspace").iterator(chunk_size=1)]

    with walled(), inside(theirs.workspace_id):
        assert read() == ["Acme"]
        with transaction.atomic():
            assert read() == ["Acme"]


def test_every_workspaces_table_has_its_wall_and_no_other_policy() -> None:
    tables = dict(fenced())
    assert open_tables(tables) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename, policyname, cmd, permissive FROM pg_policies ORDER BY tablename")
        found = cursor.fetchall()
    assert found == [(table, walls.POLICY, "ALL", "PERMISSIVE") for table in sorted(tables)]


@pytest.mark.parametrize(
    "gap",
    [
        "ALTER TABLE contacts_contact NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE contacts_contact DISABLE ROW LEVEL SECURITY",
        f"DROP POLICY {walls.POLICY} ON contacts_contact",
    ],
)
def test_a_wall_with_a_gap_is_seen_and_the_next_migration_closes_it(gap: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(gap)
    assert open_tables(dict(fenced())) == ["contacts_contact"]
    assert [(found.level, "contacts_contact" in found.what) for found in doctor()] == [(Level.PROBLEM, True)]
    walls.build(apps.get_app_config("contacts"), "default")
    assert open_tables(dict(fenced())) == []


@pytest.fixture
def role_that_no_wall_holds() -> Iterator[None]:
    ground.server.psql("ALTER ROLE cocoonmail BYPASSRLS")
    yield
    ground.server.psql("ALTER ROLE cocoonmail NOBYPASSRLS")


def test_a_role_that_no_wall_holds_is_noticed(role_that_no_wall_holds: None) -> None:
    assert looks_over_walls()
    assert [found.level for found in doctor()] == [Level.WARNING]


def test_the_role_of_these_tests_is_held() -> None:
    assert not looks_over_walls()
    assert [found.level for found in doctor()] == [Level.OK]
