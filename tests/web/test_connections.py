"""Looking at pages costs the database no lasting connections: PostgreSQL has only some."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ground
from tests.house import installation
from tests.visitor import Visitor

VIEWS = 30
LASTING = 5  # Connections that a web process and whoever looks here may keep

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not ground.POSTGRES, reason="counts as PostgreSQL does"),
]


def test_many_page_views_leave_no_connections_behind(tmp_path: Path) -> None:
    with installation(tmp_path, "workspace: Acme") as house:
        house.web()
        reader = Visitor(house.url)
        link = house.command("owner-link").strip().removeprefix(house.url)
        assert {reader.get(link).status for _ in range(VIEWS)} == {200}
        open_now = house.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert open_now[0][0] <= LASTING
