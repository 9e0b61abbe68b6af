"""Promise D4: a migration that is killed at any statement is begun again, and two at once do no harm.

COCOONMAIL_TEST_SWEEP=all kills before every statement and commit; else before each of a few.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests import ground
from tests.house import ROOT, Installation, create_database, foundation, url_of

pytestmark = [pytest.mark.processes]

STEP = 1 if os.environ.get("COCOONMAIL_TEST_SWEEP") == "all" else 37
KILLS_AT_LEAST = 8


@contextmanager
def empty(folder: Path, name: str) -> Iterator[Installation]:
    """An installation without a database, or with an empty one."""
    folder.mkdir(parents=True, exist_ok=True)
    if ground.POSTGRES:
        create_database(name, "template0")
    house = Installation(folder, database_url=url_of(name) if ground.POSTGRES else "")
    try:
        yield house
    finally:
        house.close()


@contextmanager
def forks(house: Installation) -> Iterator[subprocess.Popen[str]]:
    """The program that migrates in forks."""
    house.data.mkdir(exist_ok=True)
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.migrating"],
        env=house.django_environ(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert answer(program) == "ready"
        yield program
    finally:
        program.kill()
        program.communicate()


def answer(program: subprocess.Popen[str]) -> str:
    assert program.stdout
    return program.stdout.readline().strip()


def migrate(program: subprocess.Popen[str], killed_before: int) -> int:
    """How a run ended."""
    assert program.stdin
    program.stdin.write(f"{killed_before}\n")
    program.stdin.flush()
    return int(answer(program))


def schema(house: Installation) -> list[tuple[object, ...]]:
    """Every table, column, index and constraint."""
    if not house.database_url:
        return sorted(house.rows("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    return sorted(house.rows(COLUMNS)) + sorted(house.rows(INDEXES)) + sorted(house.rows(CONSTRAINTS))


COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, character_maximum_length
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
CONSTRAINTS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace"""
APPLIED = "SELECT count(*) FROM django_migrations"


def applied(house: Installation) -> int:
    """How many migrations the database has had, 0 where it does not know of any."""
    with suppress(sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        return int(house.rows(APPLIED)[0][0])
    return 0


def test_a_migration_that_is_killed_at_any_statement_is_begun_again(tmp_path: Path) -> None:
    with empty(tmp_path, "migrated_killed") as house, forks(house) as program:
        before, kills, at = 0, 0, STEP
        while (ended := migrate(program, at)) == -signal.SIGKILL:
            kills += 1
            after = applied(house)
            at = STEP if after > before else at + STEP
            before = after
        assert ended == 0
        assert kills > KILLS_AT_LEAST
        assert schema(house) == schema(foundation())
        assert applied(house) == applied(foundation())


def test_two_that_migrate_at_once_do_no_harm(tmp_path: Path) -> None:
    with empty(tmp_path, "migrated_by_two") as house:
        command = [sys.executable, "-m", "cocoonmail", "migrate", "--data", str(house.data)]
        both = [subprocess.Popen(command, env=house.environ(), stderr=subprocess.PIPE, text=True) for _ in range(2)]
        said = [one.communicate()[1] for one in both]
        assert [one.returncode for one in both] == [0, 0], said
        assert schema(house) == schema(foundation())


@pytest.mark.one_database
def test_every_migration_is_one_transaction() -> None:
    from django.db.migrations.loader import MigrationLoader

    loose = [key for key, one in (MigrationLoader(None).disk_migrations or {}).items() if not one.atomic]
    assert not loose, "what a kill leaves half done must be safe to begin again: prove it here"
