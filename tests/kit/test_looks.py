"""On SQLite, whose counter says that something changed and not what, workers look; not too often."""

from __future__ import annotations

import pytest
from django.db import connection

from cocoonmail.kit.changes import Changes, Channel

pytestmark = [
    pytest.mark.one_database,
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL tells"),
]


def test_who_finds_nothing_in_a_flood_of_changes_looks_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("cocoonmail.kit.changes.time.sleep", pauses.append)
    changes = Changes(Channel.STAGES)
    versions = iter(range(100))
    monkeypatch.setattr(changes, "_version", lambda: next(versions))
    for in_vain in (0, 1, 2, 3, 4, 50):
        changes.wait(lambda: False, in_vain)
    assert pauses == pytest.approx([0.01, 0.02, 0.04, 0.05, 0.05, 0.05])
