"""What the ledger answers where mail is paced, and that a slot that was missed sends no dot (promise S7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection

from cocoonmail.contacts.models import Contact
from cocoonmail.emails import ledger
from cocoonmail.emails import send as sending
from cocoonmail.emails.ledger import Answer, Entry, Mark, Rules, Soon, Verdict, write_ledger
from cocoonmail.emails.limits import JITTER, Key, interval
from cocoonmail.emails.models import Message, Pace, Status
from cocoonmail.emails.pace import LEAD, Later, Slot
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.transports.base import Outcome
from cocoonmail.transports.smtp.pool import LearningMessage
from tests.backlog import backlog
from tests.shop import Shop
from tests.transports.scripted import scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

RATE, SLOW = 10, 0.5  # Messages per second
SECOND, INSTANT = timedelta(seconds=1), timedelta(microseconds=1)
TOO_LONG = JITTER / SECOND + 0.1


class Clock:
    """The database's clock as the ledger reads it. It stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = database_now()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ledger, "database_now", made)
    return made


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield Shop.opened()
    connection.close()


def claimed(count: int = 1) -> list[Message]:
    """Messages that a worker has in hand."""
    backlog(Loop.objects.get(name="Welcome"), [f"ada{number}@gmail.com" for number in range(count)])
    Message.objects.update(epoch=1, attempts=1)
    return list(Message.objects.order_by("pk"))


def transport(message: Message, rate: float = RATE) -> tuple[Key, ...]:
    return (Key(message.workspace_id, "", rate),)


def domain(message: Message) -> tuple[Key, ...]:
    return (*transport(message), Key(message.workspace_id, "gmail.com", SLOW))


def given(message: Message, at: datetime, name: str = "") -> None:
    """The slot that was given last."""
    Pace.objects.update_or_create(workspace_id=message.workspace_id, name=name, defaults={"last_at": at})


def statuses() -> set[str]:
    return set(Message.objects.values_list("status", flat=True))


def test_a_message_that_nothing_limits_goes_at_once(shop: Shop) -> None:
    assert write_ledger([Mark(claimed()[0])]) == [Verdict.GO]
    assert not Pace.objects.exists()


def test_a_limited_message_gets_a_slot_first_and_goes_when_it_brings_it(shop: Shop, clock: Clock) -> None:
    message = claimed()[0]
    (answer,) = write_ledger([Mark(message, transport(message))])
    assert isinstance(answer, Soon)
    assert answer.slot is not None
    assert answer.seconds == LEAD / SECOND
    assert statuses() == {Status.QUEUED}
    clock.now += timedelta(seconds=answer.seconds)
    assert write_ledger([Mark(message, transport(message), answer.slot)]) == [Verdict.GO]
    assert statuses() == {Status.SENDING}
    assert Pace.objects.get().last_at == answer.slot.starts


def test_those_who_come_together_get_slots_one_after_the_other_as_far_as_patience_goes(shop: Shop) -> None:
    messages = claimed(30)
    answers = write_ledger([Mark(message, transport(message)) for message in messages])
    slots = [answer.slot.starts for answer in answers[:18] if isinstance(answer, Soon) and answer.slot]
    assert len(slots) == 18
    assert {later - sooner for sooner, later in pairwise(slots)} == {interval(RATE)}
    # The next one would have a slot by the time it asks again; the others are sent away.
    assert isinstance(answers[18], Soon)
    assert answers[18].slot is None
    assert {type(answer) for answer in answers[19:]} == {Later}
    assert statuses() == {Status.QUEUED}


def test_who_would_wait_for_long_is_sent_away_and_takes_no_slot(shop: Shop) -> None:
    message = claimed()[0]
    last = database_now() + timedelta(seconds=10)
    given(message, last)
    (answer,) = write_ledger([Mark(message, transport(message))])
    assert isinstance(answer, Later)
    assert answer.at == last + interval(RATE) - LEAD
    assert Pace.objects.get().last_at == last


def test_who_waits_for_a_slow_domain_but_not_for_long_asks_again_without_a_slot(shop: Shop, clock: Clock) -> None:
    message = claimed()[0]
    given(message, clock.now - interval(SLOW) + SECOND, "gmail.com")
    (answer,) = write_ledger([Mark(message, domain(message))])
    assert isinstance(answer, Soon)
    assert answer.slot is None
    assert answer.seconds == (SECOND - LEAD) / SECOND
    clock.now += timedelta(seconds=answer.seconds)
    (answer,) = write_ledger([Mark(message, domain(message))])
    assert isinstance(answer, Soon)
    assert answer.slot is not None


@pytest.mark.parametrize(
    ("late", "answer"),
    [
        (timedelta(0), Verdict.GO),
        (JITTER - LEAD, Verdict.GO),
        # What is left is no longer enough for the commit.
        (JITTER - LEAD + INSTANT, Later),
        (SECOND, Later),
        (-LEAD, Verdict.GO),
        # The clock was set back, or the timer was quick.
        (-LEAD - INSTANT, Later),
    ],
)
def test_a_slot_that_was_missed_is_no_permission(shop: Shop, clock: Clock, late: timedelta, answer: object) -> None:
    message, starts = claimed()[0], clock.now - late
    (said,) = write_ledger([Mark(message, transport(message), Slot(starts, starts + JITTER))])
    assert said == answer or type(said) is answer
    assert statuses() == {Status.SENDING if answer is Verdict.GO else Status.QUEUED}
    assert not Pace.objects.exists()


def test_who_may_not_go_out_takes_no_slot(shop: Shop) -> None:
    message = claimed()[0]
    Contact.objects.update(subscribed=False)
    assert write_ledger([Mark(message, transport(message))]) == [Verdict.REFUSED]
    assert not Pace.objects.exists()


def test_consent_that_ended_while_a_slot_was_waited_for_is_heeded(shop: Shop) -> None:
    message = claimed()[0]
    (answer,) = write_ledger([Mark(message, transport(message))])
    assert isinstance(answer, Soon)
    Contact.objects.update(subscribed=False)
    assert write_ledger([Mark(message, transport(message), answer.slot)]) == [Verdict.REFUSED]
    assert statuses() == {Status.SKIPPED}


# Through the sender: a disk that is slow at the wrong moment.


class SlowDisk:
    """Lets the first write of this kind take longer than a slot has room for, and keeps what was on disk then."""

    def __init__(self, slow: Callable[[Mark], bool]) -> None:
        self._slow, self.seen = slow, list[tuple[str, int]]()

    def __call__(self, entries: Sequence[Entry], rules: Rules) -> list[Answer]:
        answers = write_ledger(entries, rules)
        if not self.seen and any(map(self._meant, entries, answers)):
            self.seen += Message.objects.values_list("status", "attempts")
            time.sleep(TOO_LONG)
        return answers

    def _meant(self, entry: Entry, answer: Answer) -> bool:
        """Where the machine is busy, a slot may be missed before; that commit allows nothing."""
        return isinstance(entry, Mark) and self._slow(entry) and (entry.slot is None or answer is Verdict.GO)


@pytest.fixture
def let_go(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the sender let each dot go, by this machine's clock: what others take to read it is not the sender's."""
    commit, moments = LearningMessage.commit, list[float]()

    async def noted(message: LearningMessage) -> Outcome:
        moments.append(time.time())
        return await commit(message)

    monkeypatch.setattr(LearningMessage, "commit", noted)
    return moments


@pytest.mark.parametrize(
    ("slow", "on_disk"),
    [
        (lambda mark: mark.slot is not None, Status.SENDING),  # The commit that allows the dot
        (lambda mark: mark.slot is None, Status.QUEUED),  # The commit that gives the slot
    ],
    ids=["mark", "slot"],
)
def test_a_commit_that_takes_too_long_sends_no_dot_and_the_message_comes_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, let_go: list[float], slow: Callable[[Mark], bool], on_disk: str
) -> None:
    disk = SlowDisk(slow)
    monkeypatch.setattr(sending, "write_ledger", disk)
    with in_a_thread(scripted()) as server:
        set_transport(shop.workspace, f"smtp://127.0.0.1:{server.port}?rate={RATE}")
        shop.workspace.save()
        backlog(Loop.objects.get(name="Welcome"), ["ada@example.com"])
        shop.send()
    assert disk.seen == [(on_disk, 1)]
    # Where the machine is busy, more slots may be missed.
    assert len(server.fragments) >= 1
    assert (server.commands.count("DATA"), server.dots, len(let_go)) == (len(server.fragments) + 1, 1, 1)
    message = Message.objects.get()
    assert (message.status, message.attempts, message.reason) == (Status.SENT, 1, "")
    assert 0 <= let_go[0] - Pace.objects.get().last_at.timestamp() < TOO_LONG
