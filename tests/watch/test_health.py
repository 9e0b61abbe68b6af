"""/healthz and /readyz: who asks whether a process lives, or can work, is told at once and told no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from cocoonmail import counts
from cocoonmail.watch import answers, ready
from cocoonmail.watch.port import Doorbell
from tests.kit.rawhttp import PATIENCE
from tests.watch.watched import Watched, watched


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """On a busy machine a database may take its time to answer; that is not what a test is about."""
    monkeypatch.setattr(ready, "ANSWERS_WITHIN", PATIENCE / 2)
    with watched() as place:
        yield place


@pytest.fixture
def hasty() -> Iterator[Watched]:
    with watched() as place:
        yield place


@pytest.fixture
def nobody_at_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections find no database where it was."""
    elsewhere = {"NAME": "/nowhere/at/all", "HOST": "127.0.0.1", "PORT": "1"}
    for name, value in elsewhere.items():
        monkeypatch.setitem(connections.settings["default"], name, value)


def test_health_is_told_without_asking_the_database(web: Watched) -> None:
    seen = {"scheme": "http", "client": "127.0.0.1"}
    assert web.verdict("/healthz") == (200, {"alive": True, "reasons": [], "seen": seen})


def test_health_and_readiness_are_told_under_any_name_and_without_a_detour(web: Watched) -> None:
    for host in ("10.0.0.7:8000", "somebody.example"):
        assert web.get("/healthz", host=host).status == 200


def test_only_a_get_or_a_head_is_answered(web: Watched) -> None:
    assert web.get("/healthz", method="POST").status == 405
    head = web.get("/healthz", method="HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.django_db(transaction=True)
def test_a_process_whose_database_answers_is_ready(web: Watched) -> None:
    assert web.verdict("/readyz") == (200, {"ready": True, "reasons": []})


@pytest.mark.django_db(transaction=True)
def test_a_process_whose_database_lacks_a_migration_is_not_ready(web: Watched) -> None:
    rows = MigrationRecorder(connection).migration_qs.filter(app="watch", name="0001_worker")
    assert rows.update(name="0001_other") == 1
    try:
        assert web.verdict("/readyz") == (503, {"ready": False, "reasons": [ready.UNMIGRATED]})
    finally:
        MigrationRecorder(connection).migration_qs.filter(app="watch", name="0001_other").update(name="0001_worker")


@pytest.mark.django_db(transaction=True)
def test_a_process_without_its_database_is_not_ready_and_says_nothing_of_where_it_is(
    web: Watched, nobody_at_the_database: None
) -> None:
    before = counts.DATABASE_ERRORS.values.get("ready", 0)
    assert web.verdict("/readyz") == (503, {"ready": False, "reasons": [ready.UNANSWERED]})
    assert web.verdict("/healthz")[0] == 200
    assert counts.DATABASE_ERRORS.values["ready"] == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_within_a_second_is_not_waited_for(hasty: Watched) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("nothing keeps a reader of SQLite waiting")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert hasty.verdict("/readyz") == (503, {"ready": False, "reasons": [ready.UNANSWERED]})
        assert time.monotonic() - began < 8  # Seconds; who waits for the lock waits for ever
    end = time.monotonic() + PATIENCE
    while hasty.verdict("/readyz")[0] == 503:
        assert time.monotonic() < end


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_told_to_stop_is_not_ready_any_more(web: Watched) -> None:
    web.watch.stop()
    assert web.verdict("/readyz") == (503, {"ready": False, "reasons": [ready.STOPPING]})
    assert web.verdict("/healthz")[0] == 200


def test_a_signal_to_stop_is_told_to_whoever_wants_to_know() -> None:
    from signal import SIGTERM

    from cocoonmail.kit.http_limits import Limits
    from cocoonmail.kit.httpserver import GuardedServer, listen

    told = threading.Event()
    with listen("127.0.0.1", 0) as listening:
        server = GuardedServer(Doorbell(), listening, Limits())  # type: ignore[arg-type]
        server.on_stopping = told.set
        server.handle_exit(SIGTERM, None)
    assert told.is_set()
    assert server.should_exit


def test_a_hand_that_does_not_come_round_makes_its_worker_unwell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "TURNED", {"process": 1000.0, "send": 1100.0})
    assert answers.stuck(1000.0 + answers.STUCK) == []
    assert answers.stuck(1000.0 + answers.STUCK + 1) == [
        "The hand that does process has not come round for 121 seconds."
    ]
