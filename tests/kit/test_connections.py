"""Connections with PostgreSQL: limits for processes that serve, and a connection of its own for a thread that lasts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, connections
from pytest_django.fixtures import Settings

from cocoonmail.accounts import walls
from cocoonmail.kit.connections import IDLE_SECONDS, LOCK_SECONDS, keep_connection, serve

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no sessions"),
]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    shared = connections.settings[connection.alias]
    options, settings_dict = shared["OPTIONS"], connection.settings_dict
    shared["OPTIONS"] = dict(options)
    connection.close()
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    shared["OPTIONS"], connection.settings_dict = options, settings_dict


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_process_that_serves_waits_for_no_statement_lock_or_idle_transaction_for_ever(
    settings: Settings,
) -> None:
    settings.DATABASE_STATEMENT_SECONDS = 1
    serve()
    assert shown("lock_timeout") == f"{LOCK_SECONDS}s"
    assert shown("idle_in_transaction_session_timeout") == f"{IDLE_SECONDS}s"
    with pytest.raises(OperationalError, match="statement timeout"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(10)")


def test_a_command_may_take_its_time() -> None:
    assert (shown("statement_timeout"), shown("lock_timeout")) == ("0", "0")


def test_nothing_is_said_to_a_pooler_that_it_would_refuse(settings: Settings) -> None:
    settings.DATABASE_POOLER = True
    serve()
    assert "options" not in connections.settings[connection.alias]["OPTIONS"]


def test_pages_get_the_connection_that_the_page_before_gave_back() -> None:
    serve(pages=2)
    first = backend()
    connection.close()
    assert backend() == first


def test_a_page_sees_nothing_on_a_connection_on_which_others_saw_all() -> None:
    serve(pages=1)
    first = backend()
    assert shown(walls.SETTING) == walls.ALL
    connection.close()
    with walls.walled():
        connection.ensure_connection()
        [(seen,)] = connection.connection.execute(f"SELECT current_setting('{walls.SETTING}')").fetchall()
        assert (seen, backend()) == (walls.NONE, first)


def test_a_thread_that_lasts_takes_none_from_the_pages() -> None:
    serve(pages=1)
    keep_connection()
    mine = backend()
    keep_connection()
    connection.close_if_unusable_or_obsolete()
    assert backend() == mine
    assert connection.pool is None  # type: ignore[attr-defined]
