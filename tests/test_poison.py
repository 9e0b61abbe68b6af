"""Promise R10: what takes its worker down, or raises, is found out and kept, and all others go through."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.process import WORKSPACE
from tests.doomed import Doomed
from tests.house import Installation, installation
from tests.mailbox import Mailbox, mailbox
from tests.poison import FAULTY, POISONED
from tests.shop import FILE, event

pytestmark = pytest.mark.processes

PEOPLE = 60
POISON = f"{POISONED}@example.com"
TRIES = 8
WEBHOOKS, ONE_PERCENT = 300, 3


def worked_off(house: Installation, place: str) -> int:
    """Let workers work, one after the other, until nothing is left; returns how many were taken down."""
    hands, deaths = Doomed(house, {"POISON": place}), 0
    while (state := hands.ended(hands.start())) != "0":
        assert state == str(-signal.SIGABRT)
        deaths += 1
        assert deaths <= TRIES * 2, "what takes workers down is never given up"
        house.end_leases()
    return deaths


@pytest.mark.parametrize(
    ("place", "deaths", "words"),
    [
        ("write", 1, "given up after 8 tries: writing it ended its process (SIGABRT)"),
        ("send", TRIES, "given up after 8 tries: its worker vanished, or failed, each time"),
    ],
)
def test_a_message_that_takes_its_worker_down_is_held_in_the_end_and_all_others_arrive_once(
    tmp_path: Path, place: str, deaths: int, words: str
) -> None:
    with mailbox() as mail, installation(tmp_path, f"{WORKSPACE}transport: {mail.url}\n") as house:
        house.module("tests.inside", "queue", str(PEOPLE))
        house.end_leases()
        id = house.rows("SELECT min(id) FROM emails_message")[0][0] + PEOPLE // 2
        house.rows(f"UPDATE emails_message SET to_email = '{POISON}' WHERE id = {id}")
        assert worked_off(house, place) == deaths
        status, reason = house.rows(f"SELECT status, reason FROM emails_message WHERE id = {id}")[0]
        sent = house.counted("emails_message", "status")
    assert status == "held"
    assert reason.startswith(words)
    # Whose dot had left when the worker ended, or who knows, is shown as such; it happens once to each at most.
    assert sent["sent"] + sent["unknown"] == PEOPLE - 1
    recipients = [letter.recipient for letter in mail.letters]
    assert len(set(recipients)) == len(recipients) >= sent["sent"]
    assert POISON not in recipients


@pytest.fixture
def webhooks(tmp_path: Path) -> Iterator[tuple[Installation, Mailbox]]:
    """Three hundred payments that wait; one in a hundred raises, and one takes its worker down, amid the others."""
    with mailbox() as mail, installation(tmp_path, FILE % mail.url) as house:
        house.web()
        for number in range(WEBHOOKS):
            faulty = FAULTY if number % 100 == 50 else "person"
            name = POISONED if number == WEBHOOKS // 3 else f"{faulty}{number}"
            assert house.deliver(event("invoice.paid", f"{name}@example.com")).status == 200
        assert house.stop("web") == 0
        yield house, mail


@pytest.mark.parametrize(
    ("place", "deaths", "faulty", "words"),
    [
        ("read", 1, ONE_PERCENT, "reading it ended its process (SIGABRT)"),
        ("apply", TRIES, 0, "its worker vanished each time it had this in hand"),
    ],
)
def test_a_webhook_that_takes_its_worker_down_or_raises_is_kept_as_failed_and_all_others_have_their_effects_once(
    webhooks: tuple[Installation, Mailbox], place: str, deaths: int, faulty: int, words: str
) -> None:
    house, mail = webhooks
    assert worked_off(house, place) == deaths
    states = house.counted("intake_delivery", "state")
    assert states == {"done": WEBHOOKS - 1 - faulty, "failed": 1 + faulty}
    troubles = [trouble for (trouble,) in house.rows("SELECT trouble FROM intake_delivery WHERE state = 'failed'")]
    assert sum(words in trouble for trouble in troubles) == 1
    assert sum("RuntimeError: a mistake of our own" in trouble for trouble in troubles) == faulty
    arrived = Counter(letter.recipient for letter in mail.letters)
    assert set(arrived.values()) == {1}
    sent = house.counted("emails_message", "status")
    assert sent.total() == WEBHOOKS - 1 - faulty
    assert len(arrived) >= sent["sent"]

    # Mended, and processed again by a person: then they have their effects, once.
    house.module("tests.inside", "process-again", "")
    hands = Doomed(house)
    hands.finish(hands.start())
    assert house.counted("intake_delivery", "state") == {"done": WEBHOOKS}
    assert house.counted("loops_run", "state") == {"finished": WEBHOOKS}
    assert house.counted("emails_message", "status").total() == WEBHOOKS
