"""Bring the database up to this version: one process at a time, each migration whole or not at all (promise D4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from cocoonmail.kit.connections import Unfit
from cocoonmail.kit.presence import migrating
from cocoonmail.vault.copying import PROGRESS

LOCK = 0x636F636F6F6E  # PostgreSQL's advisory lock of whoever migrates: "cocoon"
QUIET = (0, False, "default")  # What Django's signals are sent with: verbosity, interactive, database


class WholeMigrations(MigrationExecutor):
    """Notes a migration in the transaction that makes it.

    Django notes it afterwards where statements were put off to the end, as indexes and foreign keys are on PostgreSQL.
    Killed in between, it would find its own tables there at the next start, and never get any further.
    """

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        """Run a migration forwards."""
        with self.connection.schema_editor(atomic=migration.atomic) as editor:
            state = migration.apply(state, editor)
            while editor.deferred_sql:
                editor.execute(editor.deferred_sql.pop(0), None)
            self.record_migration(migration)  # type: ignore[call-arg] # the stubs are of an older Django
        return state


def migrate() -> None:
    """Apply what is missing. What was killed is begun again by the next call. Raises Unfit through a pooler."""
    if settings.DATABASE_POOLER:
        executor = WholeMigrations(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise Unfit(
                "To migrate takes a connection with PostgreSQL itself, for its lock lasts longer than one transaction:"
                " run bin/cocoonmail migrate with COCOONMAIL_DATABASE_POOLER=0 and a DATABASE_URL of the server's."
            )
        return
    with _one_at_a_time():
        executor = WholeMigrations(connection)
        executor.loader.check_consistent_history(connection)
        targets = executor.loader.graph.leaf_nodes()
        plan = executor.migration_plan(targets)
        emit_pre_migrate_signal(*QUIET, plan=plan)
        executor.migrate(targets, plan)
        emit_post_migrate_signal(*QUIET, plan=plan)


def make_ready() -> None:
    """Migrate what rows are to be copied into. Where that has begun it was, and would leave rows of its own there."""
    if PROGRESS not in connection.introspection.table_names():
        migrate()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Who comes second plans only when the first is done, and finds nothing left to do."""
    if connection.vendor == "sqlite":
        with migrating(settings.DATA):
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
