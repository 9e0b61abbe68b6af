"""Whether PostgreSQL keeps workspaces apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import connection

from cocoonmail.accounts.walls import fenced, looks_over_walls, open_tables
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning


def walls() -> Iterator[Finding]:
    """Of this database; SQLite has none to look at."""
    if connection.vendor == "postgresql":
        yield from between_workspaces(open_tables(dict(fenced())), over=looks_over_walls())


def between_workspaces(without: Sequence[str], *, over: bool) -> Iterator[Finding]:
    """`without` are the tables that have no wall; `over` says whether our role looks over those that stand."""
    if without:
        words = f"Row-level security does not keep workspaces apart in {', '.join(without)}."
        yield problem("walls", words, "Run bin/cocoonmail migrate, which builds it.")
    if over:
        words = "Our role in PostgreSQL is a superuser or has BYPASSRLS: row-level security does not hold it."
        yield warning("walls", words, "Let DATABASE_URL name a role of its own that owns the database and no more.")
    if not without and not over:
        yield ok("walls", "PostgreSQL keeps workspaces apart by row-level security.")
