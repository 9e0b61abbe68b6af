"""The tests' own database as a side, and fresh SQLite files of this version."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

from django.db import connection, connections

from cocoonmail.vault.backup import migrate_file
from cocoonmail.vault.copying import PROGRESS
from cocoonmail.vault.sides import PostgresSide, Side, SqliteSide
from cocoonmail.vault.tables import Row, Table, canonical, tables
from tests import ground


@functools.cache
def _template() -> Path:
    """Migrated once in a session."""
    file = ground.folder / "template.sqlite3"
    migrate_file(file)
    return file


def empty_file(folder: Path) -> SqliteSide:
    """A new database without rows but those that a migration makes."""
    return SqliteSide(Path(shutil.copy(_template(), folder / "empty.sqlite3")), careless=True)


def here() -> Side:
    """The database of the test."""
    settings: dict[str, Any] = connection.settings_dict
    if connection.vendor == "sqlite":
        return SqliteSide(Path(settings["NAME"]))
    connections.close_all()
    return PostgresSide(settings)


def contents(side: Side) -> dict[str, list[Row]]:
    """All rows of all tables in the normal form, but the installation's, which changes with each copy."""
    return {
        table.name: [_comparable(table, row) for row in side.read(table)]
        for table in tables()
        if table.name != "accounts_installation"
    }


def _comparable(table: Table, row: Row) -> Row:
    return tuple(
        canonical(str(value)) if column.kind == "json" and value is not None else value
        for column, value in zip(table.columns, row, strict=True)
    )


def half_filled(side: Side) -> bool:
    """Whether a copy to it was begun and not ended."""
    return PROGRESS in side.table_names()
