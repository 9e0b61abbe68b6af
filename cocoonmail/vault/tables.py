"""Every table in the order in which its rows can be written, and the one form in which both databases give them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any, TypeAlias

from django.apps import apps
from django.db import models

# What a column holds: int, bool (as 0 and 1), float, text, json (its text), time (UTC, as Django writes it on SQLite:
# 2026-11-24 20:59:00, with six digits of a second unless they are 0), bytes. None is NULL.
Value: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Value, ...]

KINDS = {
    "BooleanField": "bool",
    "BigIntegerField": "int",
    "IntegerField": "int",
    "SmallIntegerField": "int",
    "PositiveBigIntegerField": "int",
    "PositiveIntegerField": "int",
    "PositiveSmallIntegerField": "int",
    "AutoField": "int",
    "BigAutoField": "int",
    "FloatField": "float",
    "CharField": "text",
    "EmailField": "text",
    "TextField": "text",
    "JSONField": "json",
    "DateTimeField": "time",
    "BinaryField": "bytes",
}
WHOLE_SECONDS, WITH_MICROSECONDS = len("2026-11-24 20:59:00"), len("2026-11-24 20:59:00.000000")
SUM = 2**128  # Digests of rows are added up modulo this, so that their order does not matter
UNSAFE = "\ufffd"  # Takes the place of what PostgreSQL cannot hold
LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Column:
    """A column and what it holds."""

    name: str
    kind: str


@dataclass(frozen=True)
class Table:
    """A table: its primary key comes first."""

    name: str
    columns: tuple[Column, ...]
    points_at: frozenset[str]

    @property
    def key(self) -> str:
        """The primary key's column."""
        return self.columns[0].name

    @cached_property
    def times(self) -> tuple[int, ...]:
        """Which columns hold times."""
        return self._of("time")

    @cached_property
    def jsons(self) -> tuple[int, ...]:
        """Which columns hold JSON."""
        return self._of("json")

    @cached_property
    def texts(self) -> tuple[int, ...]:
        """Which columns hold text."""
        return self._of("text")

    def _of(self, kind: str) -> tuple[int, ...]:
        return tuple(number for number, column in enumerate(self.columns) if column.kind == kind)


@cache
def groups() -> tuple[tuple[Table, ...], ...]:
    """All tables: each after those that it points at; what points at each other is one group."""
    tables = {table.name: table for table in map(_table, apps.get_models(include_auto_created=True))}
    reach = {name: _reach(name, tables) for name in tables}
    found: dict[frozenset[str], tuple[Table, ...]] = {}
    for name in sorted(tables, key=lambda name: (len(reach[name] - {name}), name)):
        ring = frozenset({name} | {other for other in reach[name] if name in reach[other]})
        found.setdefault(ring, tuple(tables[member] for member in sorted(ring)))
    return tuple(sorted(found.values(), key=lambda group: max(len(reach[table.name]) for table in group)))


@cache
def tables() -> tuple[Table, ...]:
    """All tables, in the same order."""
    return tuple(table for group in groups() for table in group)


def _table(model: type[models.Model]) -> Table:
    meta = model._meta
    fields = sorted(meta.concrete_fields, key=lambda field: not field.primary_key)
    columns = tuple(Column(str(field.column), _kind(field)) for field in fields)
    points = {field.related_model._meta.db_table for field in fields if field.related_model}
    return Table(meta.db_table, columns, frozenset(points))


def _kind(field: models.Field[Any, Any]) -> str:
    target = getattr(field, "target_field", field)  # A foreign key holds what it points at.
    return KINDS[target.get_internal_type()]


def _reach(name: str, tables: Mapping[str, Table]) -> frozenset[str]:
    seen: set[str] = set()
    ahead = set(tables[name].points_at)
    while ahead:
        seen |= ahead
        ahead = {other for one in ahead for other in tables[one].points_at} - seen
    return frozenset(seen)


def as_time(text: str) -> str:
    """A time as Django writes it on SQLite, however it was written there."""
    if len(text) == WITH_MICROSECONDS:
        return text.removesuffix(".000000")
    return text if len(text) == WHOLE_SECONDS else str(datetime.fromisoformat(text).replace(tzinfo=None))


def normal_bytes(table: Table, row: Row) -> bytes:
    """The row in a form that is the same on both databases, whatever order and spelling they keep JSON in."""
    if table.jsons:
        values = list(row)
        for number in table.jsons:
            if (text := values[number]) not in (None, "{}", "[]"):
                values[number] = canonical(str(text))
        row = tuple(values)
    return repr(row).encode("utf-8", "surrogatepass")


def canonical(text: str) -> str:
    """JSON with sorted keys. 1.0, 1e0 and 1 are one number, for PostgreSQL does not keep them apart."""
    return json.dumps(json.loads(text, parse_float=_number), sort_keys=True)


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


@dataclass
class Total:
    """How many rows, and the sum of their digests."""

    rows: int = 0
    digest: int = 0

    def add(self, normal: bytes) -> None:
        """One more row."""
        self.rows += 1
        self.digest = (self.digest + int.from_bytes(blake2b(normal, digest_size=16).digest())) % SUM


def total(table: Table, rows: Iterable[Row]) -> Total:
    """Of all these rows."""
    found = Total()
    for row in rows:
        found.add(normal_bytes(table, row))
    return found


def fit_for_postgres(table: Table, row: Row) -> Row:
    """The row with U+FFFD for NUL and for halves of characters, which SQLite holds and PostgreSQL does not."""
    odd = [number for number in table.texts if "\0" in str(row[number])]
    broken = [number for number in table.jsons if _may_be_broken(row[number])]
    if not odd and not broken:
        return row
    values = list(row)
    for number in odd:
        values[number] = str(row[number]).replace("\0", UNSAFE)
    for number in broken:
        values[number] = _mended(str(row[number]))
    return tuple(values)


def _may_be_broken(text: Value) -> bool:
    return isinstance(text, str) and ("\\u0000" in text or "\\ud" in text)


def _mended(text: str) -> str:
    """JSON without what PostgreSQL refuses; the same text where nothing was wrong."""
    value = json.loads(text)
    mended = _each_text(value, lambda one: LONE.sub(UNSAFE, one.replace("\0", UNSAFE)))
    return text if mended == value else json.dumps(mended)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_each_text(one, change) for one in value]
        case dict():
            return {change(name): _each_text(one, change) for name, one in value.items()}
        case _:
            return value
