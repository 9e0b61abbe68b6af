"""How PostgreSQL stores a table, as a step of a migration. Nothing on SQLite."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

# A row of a queue is written three times, and its index never lets that happen within its page. So a fifth of the table
# may be dead before PostgreSQL cleans up by itself: of ten million rows two. Here it is a twentieth.
QUEUE = {
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
}
# A few rows that are written all the time: room in each page for their next versions, with no index touched (HOT).
COUNTERS = {"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"}


def stored(table: str, parameters: dict[str, str]) -> RunPython:
    """Store a table of ours so, from its next rows on; backwards, as PostgreSQL does by itself."""
    assignments = ", ".join(f"{name} = {value}" for name, value in parameters.items())

    def do(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
        if schema.connection.vendor == "postgresql":
            schema.execute(f"ALTER TABLE {schema.quote_name(table)} SET ({assignments})")

    def undo(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
        if schema.connection.vendor == "postgresql":
            schema.execute(f"ALTER TABLE {schema.quote_name(table)} RESET ({', '.join(parameters)})")

    return RunPython(do, undo)
