"""Copy all rows from one database to another: in batches, so that a copy that was killed goes on; then compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg

from cocoonmail.vault.sides import Side
from cocoonmail.vault.tables import SUM, Row, Table, Total, Value, groups, normal_bytes, tables, total

PROGRESS = "vault_progress"  # A table that is there while a database is being filled, and no longer
ROWS_MAX = 5000  # Rows of a batch, which is one transaction
TOLD_EVERY = 50_000  # Rows of a table between two words about it
BYTES_MAX = 16 * 1024 * 1024  # Of a batch's rows in their normal form
MAKE_PROGRESS = f"""CREATE TABLE {PROGRESS}
    (name varchar(100) PRIMARY KEY, last text, number bigint, digest varchar(40))"""

Say = Callable[[str], None]


class CannotCopy(RuntimeError):
    """The installation cannot be copied; nothing was destroyed."""


@dataclass
class Batch:
    """Rows that are written together, and what they add up to."""

    rows: list[Row] = field(default_factory=list)
    sum: Total = field(default_factory=Total)
    size: int = 0
    mended: int = 0

    @property
    def full(self) -> bool:
        """Whether it is time to write it."""
        return len(self.rows) >= ROWS_MAX or self.size >= BYTES_MAX


@dataclass
class Progress:
    """How far a table has got: the last key that was written, and what was written up to there."""

    last: Value
    sum: Total


def begin(source: Side, target: Side, identity: str, *, replace: bool = False) -> bool:
    """Prepare a migrated target that holds nothing; returns False where a copy of the same source goes on instead.

    Raises CannotCopy when the target holds anything, or a copy of something else, unless it is to be replaced.
    """
    _same_schema(source, target)
    if going_on(target, identity):
        target.go_on()
        return False
    if PROGRESS in target.table_names() and not replace:
        raise CannotCopy(f"{target.name} is half filled with something else. Empty it, or finish what was begun.")
    if in_use(target) and not replace:
        raise CannotCopy(f"{target.name} is not empty: it holds a workspace or a person.")
    with target.transaction():
        target.ask(f"DROP TABLE IF EXISTS {PROGRESS}")
        target.empty(tables())
        target.ask(MAKE_PROGRESS)
        target.ask(f"INSERT INTO {PROGRESS} VALUES ('', ?, 0, '0')", identity)
    return True


def going_on(target: Side, identity: str) -> bool:
    """Whether it is half filled with this."""
    names = target.table_names()
    return PROGRESS in names and target.ask(f"SELECT last FROM {PROGRESS} WHERE name = ''") == [(identity,)]


def in_use(side: Side) -> bool:
    """Whether anybody has used it: what a fresh installation makes by itself does not count."""
    names = side.table_names()
    return any(
        name in names and bool(side.ask(f"SELECT 1 FROM {name} LIMIT 1"))
        for name in ("accounts_workspace", "accounts_user")
    )


def _same_schema(source: Side, target: Side) -> None:
    """Both must have the same migrations, and no table that this version does not know."""
    if migrations(source) != migrations(target):
        raise CannotCopy(f"{source.name} was made by another version. Bring it up to this one: bin/cocoonmail migrate.")
    known = {table.name for table in tables()} | {"django_migrations", PROGRESS}
    if strange := source.table_names() - known:
        raise CannotCopy(f"{source.name} has tables that are not Cocoonmail's: {', '.join(sorted(strange))}.")


def migrations(side: Side) -> set[tuple[str, str]]:
    """The migrations that a database has had, as (app, name)."""
    if "django_migrations" not in side.table_names():
        return set()
    return {(str(app), str(name)) for app, name in side.ask("SELECT app, name FROM django_migrations")}


def copy(source: Side, target: Side, say: Say) -> int:
    """Copy what is not yet copied, then read the target and compare; returns the number of rows.

    Raises CannotCopy where a row cannot be stored, or where the two differ in the end.
    """
    for group in groups():
        if len(group) == 1:
            _copy_in_batches(source, target, group[0], say)
        else:
            _copy_together(source, target, group)
    return sum(_compared(source, target, table, say) for table in tables())


def _copy_in_batches(source: Side, target: Side, table: Table, say: Say) -> None:
    progress = _progress(target, table)
    for batch in _batches(target, table, source.read(table, progress.last)):
        progress = Progress(batch.rows[-1][0], _added(progress.sum, batch.sum))
        with target.transaction():
            _write(target, table, batch)
            _note(target, table, progress)
        _tell(say, table, batch, progress)


def _copy_together(source: Side, target: Side, group: Sequence[Table]) -> None:
    """Tables that point at each other, in one transaction: only at its end is everything there that is pointed at."""
    if any(_progress(target, table).sum.rows for table in group):
        return  # All of them were, in one transaction.
    with target.transaction():
        for table in group:
            progress = Progress(None, Total())
            for batch in _batches(target, table, source.read(table)):
                progress = Progress(batch.rows[-1][0], _added(progress.sum, batch.sum))
                _write(target, table, batch)
            _note(target, table, progress)


def _batches(target: Side, table: Table, rows: Iterator[Row]) -> Iterator[Batch]:
    batch = Batch()
    for row in rows:
        fit = target.fit(table, row)
        normal = normal_bytes(table, fit)
        batch.rows.append(fit)
        batch.sum.add(normal)
        batch.size += len(normal)
        batch.mended += fit is not row
        if batch.full:
            yield batch
            batch = Batch()
    if batch.rows:
        yield batch


def _write(target: Side, table: Table, batch: Batch) -> None:
    try:
        target.write(table, batch.rows)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        where = f"between {table.key} {batch.rows[0][0]!r} and {batch.rows[-1][0]!r}"
        told = f"{error.diag.message_primary}; {error.diag.context or error.diag.message_detail or ''}"
        raise CannotCopy(f"A row of {table.name} {where} does not fit into {target.name}: {told}") from error


def _progress(target: Side, table: Table) -> Progress:
    found = target.ask(f"SELECT last, number, digest FROM {PROGRESS} WHERE name = ?", table.name)
    if not found:
        return Progress(None, Total())
    last, number, digest = found[0]
    return Progress(json.loads(str(last)), Total(int(number or 0), int(str(digest))))


def _note(target: Side, table: Table, progress: Progress) -> None:
    target.ask(f"DELETE FROM {PROGRESS} WHERE name = ?", table.name)
    values = (table.name, json.dumps(progress.last), progress.sum.rows, str(progress.sum.digest))
    target.ask(f"INSERT INTO {PROGRESS} VALUES (?, ?, ?, ?)", *values)


def _added(one: Total, other: Total) -> Total:
    return Total(one.rows + other.rows, (one.digest + other.digest) % SUM)


def _tell(say: Say, table: Table, batch: Batch, progress: Progress) -> None:
    if batch.mended:
        say(f"{table.name}: {batch.mended:,} rows held NUL or half characters; U+FFFD takes their place")
    if progress.sum.rows // TOLD_EVERY > (progress.sum.rows - batch.sum.rows) // TOLD_EVERY:
        say(f"{table.name}: {progress.sum.rows:,} rows …")


def _compared(source: Side, target: Side, table: Table, say: Say) -> int:
    """Read back what was written, and count what is still there at the source."""
    wrote, found = _progress(target, table).sum, total(table, target.read(table))
    ((at_source,),) = source.ask(f'SELECT count(*) FROM "{table.name}"')
    if (wrote, at_source) != (found, found.rows):
        raise CannotCopy(
            f"{table.name} differs: {at_source!r} rows at the source, {wrote.rows} copied, {found.rows} found again"
            f"{', with other contents' if wrote.rows == found.rows else ''}. Was it changed meanwhile? Empty"
            f" {target.name} and begin again."
        )
    if found.rows:
        say(f"{table.name}: {found.rows:,} rows, as they were")
    return found.rows


def finish(source: Side, target: Side, *, pause: str = "") -> None:
    """Let the copy be an installation: ids go on where they were. `pause` says why it is not to send by itself."""
    numbers = {table: source.last_id(table) for table in tables() if table.columns[0].kind == "int"}
    with target.transaction():
        for table, number in numbers.items():
            target.set_last_id(table, number)
        begin_generation(target, pause)
        target.filled()
        target.ask(f"DROP TABLE {PROGRESS}")
    if target.vendor == "postgresql":
        target.ask("ANALYZE")  # Else the first queries are planned for empty tables.


def begin_generation(side: Side, pause: str, after: int = 0) -> None:
    """The installation lives here from now on; with `pause` it sends nothing by itself.

    Its generation is higher than before, and than `after`: what remembers an older one knows that this is no relapse.
    """
    if not side.ask("SELECT 1 FROM accounts_installation"):
        side.ask(NEW_INSTALLATION, uuid4().hex)
    ((before,),) = side.ask("SELECT generation FROM accounts_installation")
    generation = max(int(before or 0), after) + 1
    side.ask("UPDATE accounts_installation SET generation = ?, marks = 0, home = '', moved_to = ''", generation)
    if pause:
        side.ask("UPDATE accounts_installation SET paused_at = CURRENT_TIMESTAMP, pause_reason = ?", pause)


NEW_INSTALLATION = """INSERT INTO accounts_installation
    (id, uuid, generation, marks, home, pause_reason, moved_to) VALUES (1, ?, 1, 0, '', '', '')"""
