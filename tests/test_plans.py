"""However much is finished, a claim looks at what is due and at nothing else (promise W9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from cocoonmail.dispatch import PLACES
from cocoonmail.emails.models import Message
from cocoonmail.emails.suspects import left_behind_twice
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.kit import claims
from cocoonmail.kit.claims import Claimable, due_workspaces
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.storage import COUNTERS, QUEUE
from cocoonmail.loops.models import Run
from cocoonmail.worker import ADVANCE, PROCESS, Stage
from tests.people import workspace

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED = 5000


@pytest.fixture(autouse=True)
def much_is_finished() -> None:
    """Thousands of deliveries that are done, a few that are due."""
    endpoint = Endpoint.objects.create(workspace=workspace("Acme"), name="Stripe", platform="stripe")
    now = database_now()
    Delivery.objects.bulk_create(
        Delivery(
            workspace_id=endpoint.workspace_id, endpoint=endpoint, livemode=True, external_id=f"evt_{n}", type="x",
            occurred_at=now, received_at=now, body=b"{}", headers={}, state="done" if n > 5 else "waiting",
            due_at=None if n > 5 else now - timedelta(seconds=n),
        )
        for n in range(FINISHED)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan(sql: str, values: Sequence[Any]) -> str:
    """How the database does it, in its words. What has no rows yet is looked at as if it had."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        how = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{how} {sql}", values)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.one_database
@pytest.mark.parametrize(("model", "index"), [(Delivery, "delivery_due"), (Run, "run_due"), (Message, "message_due")])
def test_whose_rows_are_due_is_read_off_the_index(model: type[Claimable], index: str) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    told = plan(claims.HOPS.format(table=table), [connection.ops.adapt_datetimefield_value(database_now())])
    looks = [line for line in told.splitlines() if model._meta.db_table in line and (" Scan " in line or "SEA" in line)]
    assert len(looks) == 3, told
    assert all(f" {index} " in f"{line} " for line in looks), told
    assert "Join" not in told, told


@pytest.mark.one_database
@pytest.mark.parametrize(("stage", "index"), [(PROCESS, "delivery_due"), (ADVANCE, "run_due")])
def test_what_a_claim_takes_is_read_off_the_index(stage: Stage[Claimable], index: str) -> None:
    with transaction.atomic():
        rows = claims._of(stage.due(), 1, database_now()).values_list("pk")[:PLACES]
        assert f" {index}" in plan(*rows.query.sql_with_params())


@pytest.mark.one_database
def test_what_goes_alone_is_found_without_a_look_at_what_else_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Sequence[object]]] = []

    def note(execute: object, sql: str, params: Sequence[object], many: bool, context: object) -> object:
        asked.append((sql, params))
        return execute(sql, params, many, context)  # type: ignore[operator]

    with connection.execute_wrapper(note):
        assert left_behind_twice(database_now()) == []
    assert " message_alone" in plan(*asked[-1])


def test_a_claim_reads_no_row_that_is_finished() -> None:
    assert due_workspaces(Delivery, database_now()) == [Endpoint.objects.get().workspace_id]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            table = connection.ops.quote_name(Delivery._meta.db_table)
            moment = connection.ops.adapt_datetimefield_value(database_now())
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {claims.HOPS.format(table=table)}", [moment])
            assert cursor.fetchone()[0][0]["Plan"]["Shared Hit Blocks"] < 20


def test_postgresql_cleans_up_the_queues_early() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL AND relkind = 'r'")
            stored = {name: dict(option.split("=") for option in options) for name, options in cursor.fetchall()}
        queues = {"intake_delivery", "loops_run", "emails_message"}
        assert stored == {**dict.fromkeys(queues, QUEUE), "emails_pace": COUNTERS}
