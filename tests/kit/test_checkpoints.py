"""Checkpoints keep no webhook waiting, and no writer begins SQLite's log anew while one is under way."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from cocoonmail.accounts.models import Workspace
from cocoonmail.kit import checkpoints

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]

BRIEF = 8.0  # Seconds; a writer that waits for a reader waits for twenty


def test_a_long_reader_does_not_make_writers_wait_for_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LOG_PAGES_MAX", 0)
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM accounts_workspace").fetchall()
        Workspace.objects.create(name="Acme")
        begun = time.monotonic()
        other = threading.Thread(target=checkpoint_and_hang_up)
        other.start()
        Workspace.objects.create(name="Beta")
        other.join()
        assert time.monotonic() - begun < BRIEF


def test_no_writer_begins_the_log_anew_while_a_checkpoint_is_under_way(reader: BaseDatabaseWrapper) -> None:
    write_and_write_all_back()
    with checkpoints.log_kept(reader), connection.cursor() as cursor:
        before = salt()
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        busy, pages, written_back = cursor.fetchone()
        assert (busy, pages) == (0, written_back)
        in_a_thread(lambda: Workspace.objects.create(name="Beside"))
        assert salt() == before
    write_and_write_all_back()
    before = salt()
    in_a_thread(lambda: Workspace.objects.create(name="After"))
    assert salt() != before


def test_a_checkpoint_writes_back_all_that_was_there_when_it_began(reader: BaseDatabaseWrapper) -> None:
    Workspace.objects.create(name="Acme")
    checkpoints.checkpoint(reader)
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        _, pages, written_back = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert pages == written_back


def test_where_nothing_is_written_no_checkpoint_writes(reader: BaseDatabaseWrapper) -> None:
    work = checkpoints.Checkpoints()
    for _ in range(2):
        in_a_thread(lambda: Workspace.objects.create(name="Acme"))
        assert work.due()
        checkpoints.checkpoint(reader)
        assert not work.due()


def write_and_write_all_back() -> None:
    Workspace.objects.create(name="Acme")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        busy, pages, written_back = cursor.fetchone()
    assert not busy
    assert pages == written_back > 0


def salt() -> bytes:
    """What SQLite draws anew each time that it begins the log anew (https://sqlite.org/fileformat2.html#walformat)."""
    return Path(f"{connection.settings_dict['NAME']}-wal").read_bytes()[16:24]


def in_a_thread(job: Callable[[], object]) -> None:
    """On a connection of its own."""

    def run() -> None:
        job()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.fixture
def reader() -> Iterator[BaseDatabaseWrapper]:
    made = connections.create_connection(DEFAULT_DB_ALIAS)
    yield made
    made.close()


def checkpoint_and_hang_up() -> None:
    reader = connections.create_connection(DEFAULT_DB_ALIAS)
    checkpoints.checkpoint(reader)
    reader.close()
    connection.close()
