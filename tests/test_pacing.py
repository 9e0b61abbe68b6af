"""Limits through the whole stage (promise S7): real workers, one killed amid it, and a server that notes each dot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.backlog import token_of
from tests.emails.windows import surely_within
from tests.house import Installation, installation
from tests.paced import FREE, LIMITED, RATE, SLOW, TO_SLOW
from tests.transports.scripted import ScriptedServer, watched
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.processes

SLOW_ONE = "@slow.example"


def test_no_second_holds_too_much_mail_though_a_worker_is_killed_and_nobody_else_waits(tmp_path: Path) -> None:
    with in_a_thread(watched()) as server, installation(tmp_path) as house:
        set_up(house, server)
        limited, slow, free = (
            Came(server, tokens(house, *of)) for of in (("Limited",), ("Limited", SLOW_ONE), ("Free",))
        )
        house.start("work")
        second_worker(house)
        house.until(lambda: len(free.spans()) == FREE, "sent what nothing limits")
        house.until(lambda: len(limited.spans()) > RATE, "sent what is limited")
        house.kill("work")
        house.until(lambda: not due(house), "was done with what it had")
        assert house.stop("second") == 0
        house.end_leases()
        house.work()
        house.settled()

        assert surely_within(limited.spans(), 1) <= RATE
        assert surely_within(slow.spans(), 1) <= SLOW
        # The free ones left while hardly any of the others could.
        last_free = max(at for _, at in free.spans())
        assert sum(at < last_free for _, at in limited.spans()) < LIMITED / 2
        nothing_is_lost(house, [*limited.sent(), *free.sent()])


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


@dataclass
class Came:
    """What has come of these messages. Each is read once."""

    server: ScriptedServer
    tokens: set[str]
    read: list[str] = field(default_factory=list)

    def sent(self) -> list[str]:
        """Their tokens, as often as they came."""
        self._read()
        return [token for token in self.read if token in self.tokens]

    def spans(self) -> list[tuple[float, float]]:
        """Between which two moments each of them came."""
        self._read()
        moments = zip(self.read, self.server.not_before, self.server.dotted, strict=False)
        return [(since, at) for token, since, (at, _) in moments if token in self.tokens]

    def _read(self) -> None:
        self.read += [token_of(message) for _, message in self.server.dotted[len(self.read) :]]


def tokens(house: Installation, workspace: str, to: str = "") -> set[str]:
    """Those of a workspace's messages, to such addresses."""
    asked = (
        "SELECT token FROM emails_message m JOIN accounts_workspace w ON w.id = m.workspace_id"
        f" WHERE w.name = '{workspace}' AND m.to_email LIKE '%{to}'"
    )
    return {token for (token,) in house.rows(asked)}


def due(house: Installation) -> int:
    """How many messages are due, or will be before a dead worker's leases end."""
    (count,) = house.rows("SELECT count(*) FROM emails_message WHERE status = 'queued' AND attempts = 0")[0]
    return int(count)
