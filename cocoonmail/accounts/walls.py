"""Walls between workspaces: which one's rows the database itself shows (row-level security; PostgreSQL alone has it).

Each connection that is no page's sees all workspaces: worker, door and commands serve them all. A page is `walled`: it
sees nothing but what it went `inside` of. SQLite has no such thing, and all of this does nothing there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from cocoonmail.accounts.models import Workspace
from cocoonmail.kit.connections import Unfit

SETTING = "cocoonmail.workspace"  # PostgreSQL's name for what follows
ALL, NONE = "*", ""  # Else the id of one workspace
POOLED = (
    "Behind a pooler our role in PostgreSQL itself must say that it sees all workspaces. As the superuser:"
    f" ALTER ROLE cocoonmail SET {SETTING} = '{ALL}'; then let the pooler connect anew (PgBouncer: RECONNECT)."
)
POLICY = "inside_one_workspace"  # Another name when WHERE changes: `build` looks for the name alone
# In SELECTs of their own both are worked out once a statement, not once a row. Where nothing is set, nothing is seen.
WHERE = """(SELECT current_setting('{setting}', true) = '*')
    OR {column} = (SELECT CASE WHEN current_setting('{setting}', true) <> '*'
                          THEN nullif(current_setting('{setting}', true), '')::bigint END)"""
# They say nothing of rows, and a transaction in trouble takes no other statement before its ROLLBACK.
SAYS_NOTHING = ("SAVEPOINT ", "RELEASE ", "ROLLBACK ")

_seen: ContextVar[str] = ContextVar("seen", default=ALL)

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


@contextmanager
def walled() -> Iterator[None]:
    """For a page: from here on each statement says which workspace's rows it may see; none, to begin with."""
    if connection.vendor != "postgresql":
        yield
        return
    with _seeing(NONE), connection.execute_wrapper(_say):
        yield
    if connection.in_atomic_block and not connection.needs_rollback:
        # Whoever asked for the page within a transaction of their own, as tests do, goes on as before.
        _set_here(connection)


@contextmanager
def inside(workspace_id: int | None) -> Iterator[None]:
    """Within a page: see this workspace's rows and no others; None for nobody's."""
    with _seeing(NONE if workspace_id is None else str(int(workspace_id))):
        yield


@contextmanager
def across() -> Iterator[None]:
    """Within a page: see the rows of all workspaces, to find out which one this is about. Keep it short."""
    with _seeing(ALL):
        yield


@contextmanager
def _seeing(what: str) -> Iterator[None]:
    before = _seen.set(what)
    try:
        yield
    finally:
        _seen.reset(before)


def _say(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement together with its setting, in one message and one transaction.

    So it holds behind a pooler too that lends a connection for one transaction, and costs no round trip. PostgreSQL
    takes several statements at once because Django's cursors write the values into the text.
    """
    if sql.startswith(SAYS_NOTHING):
        return execute(sql, params, many, context)
    if many or hasattr(context["cursor"].cursor, "scrollable"):
        # Neither many statements nor a cursor that stays on the server can have another one in front of them.
        with transaction.atomic(savepoint=False):
            _set_here(context["connection"])
            return execute(sql, params, many, context)
    result = execute(f"{_setting()};{sql}", params, many, context)
    context["cursor"].nextset()
    return result


def _setting() -> str:
    return f"SET LOCAL {SETTING} = '{_seen.get()}'"


def _set_here(here: BaseDatabaseWrapper) -> None:
    """Within a transaction: until its end, what is seen is what is to be seen now."""
    here.ensure_connection()
    here.connection.execute(_setting())


def greet(connection: BaseDatabaseWrapper, **_: object) -> None:
    """A new connection: one that is no page's sees all workspaces, and a page's nothing until a statement says more.

    Behind a pooler nothing is said, for whoever is lent the server's connection next would go by it: what the role says
    holds there. Raises Unfit where it lets us see nothing; nobody must take that for an empty database.
    """
    if connection.vendor != "postgresql":
        return
    is_page = _say in connection.execute_wrappers
    if settings.DATABASE_POOLER:
        if not is_page and not _sees_all(connection):
            connection.close()
            raise Unfit(POOLED)
    elif not is_page:
        connection.connection.execute(f"SET {SETTING} = '{ALL}'")
    elif getattr(connection, "pool", None):
        # Whoever gave it back to the pool may have seen all.
        connection.connection.execute(f"SET {SETTING} = '{NONE}'")


def _sees_all(here: BaseDatabaseWrapper) -> bool:
    found = here.connection.execute(f"SELECT current_setting('{SETTING}', true)").fetchone()
    return bool(found and found[0] == ALL)


def build(sender: AppConfig, using: str, **_: object) -> None:
    """After a migration: give each table of this app that belongs to workspaces its wall, where it has none yet."""
    there = connections[using]
    if there.vendor != "postgresql":
        return
    columns = dict(fenced(sender.get_models()))
    with there.cursor() as cursor:
        for table in open_tables(columns, using):
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
            cursor.execute(f"DROP POLICY IF EXISTS {POLICY} ON {table}")
            cursor.execute(
                f"CREATE POLICY {POLICY} ON {table} USING ({WHERE.format(setting=SETTING, column=columns[table])})"
            )


def fenced(models: Iterable[type[Model]] | None = None) -> Iterator[tuple[str, str]]:
    """Each table whose rows belong to a workspace, and the column that says to which. Of all models, or of these."""
    for model in apps.get_models() if models is None else models:
        names = {field.column for field in model._meta.local_concrete_fields}
        if model is Workspace:
            yield model._meta.db_table, "id"
        elif "workspace_id" in names:
            yield model._meta.db_table, "workspace_id"


def open_tables(tables: Iterable[str], using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Those of these tables that are there and have no wall, or one that their owner could look over."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT name FROM unnest(%s::text[]) name JOIN pg_class ON pg_class.oid = to_regclass(name)
            WHERE NOT (relrowsecurity AND relforcerowsecurity
                       AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = %s))
            """,
            [list(tables), POLICY],
        )
        return [name for (name,) in cursor.fetchall()]


def looks_over_walls() -> bool:
    """Whether our role in the database is one that no wall holds: a superuser, or one with BYPASSRLS."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])
