"""The two ends of a copy: a SQLite file or a PostgreSQL database, read and written as rows in one normal form."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, LiteralString, Protocol

import dj_database_url
import psycopg
from psycopg import sql

from cocoonmail.accounts import walls
from cocoonmail.vault.tables import Row, Table, Value, as_time, fit_for_postgres

# How long a copy may take is nobody's business but the operator's; times come and go in UTC.
FIXED = {
    "application_name": "cocoonmail copy",  # Begins as that of all processes does (settings.py)
    "options": "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c TimeZone=UTC -c DateStyle=ISO"
    f" -c {walls.SETTING}={walls.ALL}",
}
READ_AHEAD = 500  # Rows that are fetched from SQLite at once
WAIT = 20.0  # Seconds for a lock of SQLite
SENDS_TYPES = {
    "int": "int8",
    "bool": "int4",
    "float": "float8",
    "text": "text",
    "json": "text",
    "time": "text",
    "bytes": "bytea",
}


class Side(Protocol):
    """What a copy needs of a database. Statements are written so that both understand them; `?` is a value."""

    name: str
    vendor: str

    def ask(self, statement: str, *values: Value) -> list[Row]:
        """Run a statement; what it returns."""

    def transaction(self) -> AbstractContextManager[object]:
        """All or nothing of what is written within."""

    def read(self, table: Table, after: Value = None) -> Iterator[Row]:
        """The rows, in the order of their primary keys, behind this key."""

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows."""

    def fit(self, table: Table, row: Row) -> Row:
        """The row as this database can hold it."""

    def empty(self, tables: Sequence[Table]) -> None:
        """Delete all rows of all these tables, and be ready to be filled."""

    def go_on(self) -> None:
        """Be ready to be filled further, whatever a migration has built meanwhile."""

    def filled(self) -> None:
        """All rows are there."""

    def table_names(self) -> set[str]:
        """The tables that are there."""

    def last_id(self, table: Table) -> int:
        """The highest number that was ever given out as this table's id."""

    def set_last_id(self, table: Table, number: int) -> None:
        """Give out higher numbers than this."""

    def others(self) -> int:
        """How many other processes of Cocoonmail are connected, as far as the database tells."""

    def close(self) -> None:
        """Hang up."""


def open_side(url: str) -> Side:
    """The database that a URL names: postgres://… or sqlite:///…. Raises ValueError for anything else."""
    parsed = dj_database_url.parse(url)
    match str(parsed.get("ENGINE", "")).rpartition(".")[2]:
        case "postgresql":
            return PostgresSide(parsed)
        case "sqlite3":
            return SqliteSide(Path(str(parsed["NAME"])))
        case _:
            raise ValueError(f"{url.partition('://')[0]}:// is no database that Cocoonmail knows.")


class SqliteSide:
    """A SQLite file."""

    vendor = "sqlite"

    def __init__(self, path: Path, *, careless: bool = False) -> None:
        """`careless`: a scratch file that is begun anew when anything happens to it."""
        self.path, self.name = path, f"sqlite:///{path}"
        self._database = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
        self._database.execute(f"PRAGMA synchronous={'OFF' if careless else 'FULL'}")

    def ask(self, statement: str, *values: Value) -> list[Row]:
        """See Side."""
        return self._database.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """See Side."""
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            yield None

    def read(self, table: Table, after: Value = None) -> Iterator[Row]:
        """See Side."""
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        behind = "" if after is None else f'WHERE "{table.key}" > ?'
        statement = f'SELECT {columns} FROM "{table.name}" {behind} ORDER BY "{table.key}"'
        cursor = self._database.execute(statement, () if after is None else (after,))
        cursor.arraysize = READ_AHEAD
        while rows := cursor.fetchmany():
            yield from (_with_times(table, row) for row in rows)

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        """See Side."""
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        places = ", ".join("?" * len(table.columns))
        self._database.executemany(f'INSERT INTO "{table.name}" ({columns}) VALUES ({places})', rows)

    def fit(self, table: Table, row: Row) -> Row:
        """See Side."""
        return row

    def empty(self, tables: Sequence[Table]) -> None:
        """See Side."""
        for table in tables:
            self._database.execute(f'DELETE FROM "{table.name}"')

    def go_on(self) -> None:
        """See Side."""

    def filled(self) -> None:
        """See Side."""

    def table_names(self) -> set[str]:
        """See Side."""
        found = self.ask("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {str(name) for (name,) in found}

    def last_id(self, table: Table) -> int:
        """See Side."""
        found = self.ask("SELECT seq FROM sqlite_sequence WHERE name = ?", table.name)
        return int(found[0][0] or 0) if found else 0

    def set_last_id(self, table: Table, number: int) -> None:
        """See Side."""
        if not self._database.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, table.name)
        ).rowcount:
            self._database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))

    def others(self) -> int:
        """See Side. SQLite does not tell; who runs holds a lock in the data folder."""
        return 0

    def sound(self) -> bool:
        """Whether the file is whole, and every row that another points at is there."""
        return self.ask("PRAGMA integrity_check") == [("ok",)] and not self.ask("PRAGMA foreign_key_check")

    def close(self) -> None:
        """See Side."""
        self._database.close()


def _with_times(table: Table, row: Row) -> Row:
    if not table.times:
        return row
    values = list(row)
    for number in table.times:
        if (time := values[number]) is not None:
            values[number] = as_time(str(time))
    return tuple(values)


class PostgresSide:
    """A PostgreSQL database. `snapshot`: all that is read is of one moment, whoever writes meanwhile."""

    vendor = "postgresql"

    def __init__(self, parsed: Any, *, snapshot: bool = False) -> None:
        named = {"host": parsed["HOST"], "port": parsed["PORT"], "user": parsed["USER"], "password": parsed["PASSWORD"]}
        given = parsed.get("OPTIONS", {}) | {name: value for name, value in named.items() if value}
        self.name = f"postgres://{parsed['HOST']}/{parsed['NAME']}"
        self._database = psycopg.connect(**given | FIXED, dbname=parsed["NAME"], autocommit=True)
        if snapshot:
            self._database.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def ask(self, statement: str, *values: Value) -> list[Row]:
        """See Side."""
        cursor = self._database.execute(statement.replace("?", "%s").encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def transaction(self) -> AbstractContextManager[object]:
        """See Side."""
        return self._database.transaction()

    def read(self, table: Table, after: Value = None) -> Iterator[Row]:
        """See Side."""
        behind = sql.SQL("" if after is None else "WHERE {} > {}").format(sql.Identifier(table.key), sql.Literal(after))
        statement = sql.SQL("COPY (SELECT {} FROM {} {} ORDER BY {}) TO STDOUT").format(
            sql.SQL(", ").join(_selected(column.name, column.kind) for column in table.columns),
            sql.Identifier(table.name),
            behind,
            sql.Identifier(table.key),
        )
        with self._database.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([SENDS_TYPES[column.kind] for column in table.columns])
            for row in copy.rows():
                yield _with_times(table, row)

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        """See Side."""
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
        with self._database.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def fit(self, table: Table, row: Row) -> Row:
        """See Side."""
        return fit_for_postgres(table, row)

    def empty(self, tables: Sequence[Table]) -> None:
        """See Side."""
        names = sql.SQL(", ").join(sql.Identifier(table.name) for table in tables)
        self.go_on()
        self._database.execute(sql.SQL("TRUNCATE {}").format(names))

    def go_on(self) -> None:
        """See Side."""
        self._let_the_owner_look_over_walls("NO FORCE")

    def filled(self) -> None:
        """See Side."""
        self._let_the_owner_look_over_walls("FORCE")

    def _let_the_owner_look_over_walls(self, how: LiteralString) -> None:
        """PostgreSQL copies no rows into a table behind whose walls the copying role stands (accounts.walls)."""
        for (name,) in self.ask(WALLED):
            change = sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY")
            self._database.execute(change.format(sql.Identifier(str(name)), sql.SQL(how)))

    def table_names(self) -> set[str]:
        """See Side."""
        return {
            str(name) for (name,) in self.ask("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        }

    def last_id(self, table: Table) -> int:
        """See Side."""
        statement = "SELECT pg_sequence_last_value(pg_get_serial_sequence(?, ?)::regclass)"
        return int(self.ask(statement, f'"{table.name}"', table.key)[0][0] or 0)

    def set_last_id(self, table: Table, number: int) -> None:
        """See Side."""
        if number:
            self.ask("SELECT setval(pg_get_serial_sequence(?, ?), ?)", f'"{table.name}"', table.key, number)

    def others(self) -> int:
        """See Side."""
        return int(str(self.ask(OTHERS)[0][0]))

    def close(self) -> None:
        """See Side."""
        self._database.close()


WALLED = "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = current_schema()::regnamespace"
OTHERS = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'cocoonmail%'"""


def _selected(name: str, kind: str) -> sql.Composed:
    """A column in the normal form, as far as PostgreSQL can put it so."""
    forms = {
        "int": "{}::bigint",
        "bool": "{}::int",
        "time": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
    }
    return sql.SQL(forms.get(kind, "{}")).format(sql.Identifier(name))
