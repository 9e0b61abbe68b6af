"""Promises under fire: real processes are killed with kill -9 in the middle of everything; nothing is lost or doubled.

COCOONMAIL_TEST_SEED repeats a run; `bin/bench faults` is the long version. A killed worker's leases are ended by hand,
for otherwise each kill would cost half a minute of waiting.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.plan import Kill, kills
from tests.house import Installation, installation
from tests.mailbox import mailbox
from tests.shop import FILE, event
from tests.storm import storm

pytestmark = pytest.mark.processes

KILLS = 25  # On each database
AT_ONCE = 16
SEED = int(os.environ.get("COCOONMAIL_TEST_SEED", random.randrange(1_000_000)))


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    with storm(tmp_path, SEED) as raging:
        raging.rage(kills(random.Random(SEED), KILLS))
        assert raging.findings() == []
        assert raging.refused, "no sender ever met a dead web process: that was no storm"
        assert raging.house.status()["messages"].get("unknown", 0) == unknown(raging.house)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("bad", "kill", "finding"),
    [
        ("answer_before_commit", Kill(("web",), 20), "lost: evt_"),
        ("send_again", Kill(("work",), 20), "twice: <"),
    ],
)
def test_the_audit_notices_a_house_with_a_guard_taken_out(tmp_path: Path, bad: str, kill: Kill, finding: str) -> None:
    with storm(tmp_path, SEED, KNOWN_BAD=bad) as raging:
        raging.rage([kill])
        found = raging.findings()
        assert any(one.startswith(finding) for one in found), found


def test_the_same_webhook_again_after_both_were_killed_under_their_supervisor_has_no_second_effect(
    tmp_path: Path,
) -> None:
    with mailbox() as mail, installation(tmp_path, FILE % mail.url) as house:
        house.up()
        one = event("invoice.paid", "ada@example.com")
        at_once(house, one)
        house.kill("web")
        house.kill("work")
        house.end_leases()  # The supervisor takes longer to start the next worker than this takes.
        house.until(house.answers, "answered again")
        at_once(house, one)
        house.settled()

        status = house.status()
        assert (status["deliveries"], status["contacts"], status["events"]) == ({"done": 1}, 1, 1)
        assert sum(status["messages"].values()) == 1
        assert len(mail.letters) == 1 or status["messages"] == {"unknown": 1}
        assert house.stop("up") == 0
        assert not house.answers()
        assert "Traceback" not in house.logs()


def at_once(house: Installation, one: dict[str, object]) -> None:
    """The same webhook from sixteen senders."""
    with ThreadPoolExecutor(AT_ONCE) as senders:
        assert {answer.status for answer in senders.map(house.deliver, [one] * AT_ONCE)} == {200}


def unknown(house: Installation) -> int:
    """How many messages the Messages page lists as unknown."""
    return int(house.rows("SELECT count(*) FROM emails_message WHERE status = 'unknown'")[0][0])
