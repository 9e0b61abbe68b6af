"""Limits through the whole stage (promise S7): real workers, one killed amid it, and a server that notes each dot."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.backlog import token_of
from tests.emails.windows import most_within
from tests.house import Installation, installation
from tests.paced import FREE, LIMITED, RATE, SLOW, TO_SLOW
from tests.transports.scripted import ScriptedServer, scripted
from tests.transports.threaded import in_a_thread

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("crashes")]


def test_no_second_holds_too_much_mail_though_a_worker_is_killed_and_nobody_else_waits(tmp_path: Path) -> None:
    with in_a_thread(scripted()) as server, installation(tmp_path) as house:
        set_up(house, server)
        begin = time.time()
        house.start("work")
        second_worker(house)
        house.until(lambda: len(came(server, house, "Free")) == FREE, "sent what nothing limits")
        house.until(lambda: len(came(server, house, "Limited")) > RATE, "sent what is limited")
        house.kill("work")
        house.until(lambda: not due(house), "was done with what it had")
        assert house.stop("second") == 0
        house.end_leases()
        house.work()
        house.settled()

        limited, free = came(server, house, "Limited"), came(server, house, "Free")
        assert most_within(limited.values(), 1) <= RATE
        assert most_within(came(server, house, "Limited", "@slow.example").values(), 1) <= SLOW
        # The free ones left while hardly any of the others could, counted from when both were there.
        assert max(free.values()) - begin < max(limited.values()) - begin
        assert sum(at < max(free.values()) for at in limited.values()) < LIMITED / 2
        nothing_is_lost(house, [*limited, *free])


def nothing_is_lost(house: Installation, sent: list[str]) -> None:
    """Each message has come once, but for those at whose dot the worker was killed; and none twice."""
    assert [token for token, times in Counter(sent).items() if times > 1] == []
    ends = dict(house.rows("SELECT token, status FROM emails_message"))
    assert len(ends) == LIMITED + TO_SLOW + FREE
    unknown = {token for token, status in ends.items() if status == "unknown"}
    assert {token for token, status in ends.items() if status == "sent"} | unknown == set(ends)
    assert set(ends) - set(sent) <= unknown
    assert len(unknown) <= 8


def set_up(house: Installation, server: ScriptedServer) -> None:
    """Two workspaces whose mail is due."""
    house.module("tests.paced", f"smtp://127.0.0.1:{server.port}")


def second_worker(house: Installation) -> None:
    """Beside the house's own, on the same database."""
    house.start("work", called="second")


def came(server: ScriptedServer, house: Installation, workspace: str, to: str = "") -> dict[str, float]:
    """When the messages of a workspace came, by their tokens."""
    tokens = {
        token
        for (token,) in house.rows(
            "SELECT token FROM emails_message m JOIN accounts_workspace w ON w.id = m.workspace_id"
            f" WHERE w.name = '{workspace}' AND m.to_email LIKE '%{to}'"
        )
    }
    return {token: at for at, message in list(server.dotted) if (token := token_of(message)) in tokens}


def due(house: Installation) -> int:
    """How many messages are due, or will be before a dead worker's leases end."""
    (count,) = house.rows("SELECT count(*) FROM emails_message WHERE status = 'queued' AND attempts = 0")[0]
    return int(count)
