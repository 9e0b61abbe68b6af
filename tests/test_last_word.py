"""Promises S5 and S6 through the whole stage: once a deed that forbids it is committed, no final dot follows.

COCOONMAIL_TEST_INTERLEAVINGS says how many deeds there are; COCOONMAIL_TEST_SEED repeats a run's choices.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction

from cocoonmail.contacts.consent import unsubscribe
from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.contacts.removal import remove
from cocoonmail.contacts.suppression import suppress
from cocoonmail.emails import ledger
from cocoonmail.emails import send as sending
from cocoonmail.emails.consent import standings
from cocoonmail.emails.ledger import Answer, Entry, Mark, Rules, write_ledger
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.loops.publish import pause, start
from tests.backlog import backlog, token_of
from tests.deeds import loop_of
from tests.dispatching import dispatching, until
from tests.people import workspace
from tests.transports.scripted import ScriptedServer, scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

DEEDS = int(os.environ.get("COCOONMAIL_TEST_INTERLEAVINGS", "60"))
SEED = int(os.environ.get("COCOONMAIL_TEST_SEED", random.randrange(1_000_000)))
ROUNDS = 10  # At most, until of each kind of deed some came in time: who is quicker is the machine's affair
EACH = 6  # Messages to one person, of which some have left when they say stop
PAUSE = 0.03  # Seconds that a loop stands still

KINDS = {"unsubscribe", "suppress", "delete", "pause"}

LETTERS = ("stripe-new-customer", "stripe-payment-successful")  # Marketing, and transactional


class Forbidden(NamedTuple):
    """A message that was still queued in the transaction of the deed that forbids it, until this moment."""

    token: str
    until: float
    deed: str


class Shop:
    """Two loops, many people who say stop while their mail leaves, and the server that notes what comes when."""

    def __init__(self, server: ScriptedServer, deeds: int) -> None:
        self.server, self.dice = server, random.Random(SEED)
        acme = workspace("Acme")
        set_transport(acme, f"smtp://127.0.0.1:{server.port}")
        acme.save()
        self.loops = [loop_of(acme, letter) for letter in LETTERS]
        self.deeds, self.people = deeds, list[str]()
        self.forbidden: list[Forbidden] = []

    def fill(self) -> None:
        """Queue the mail of people who are new, in no order."""
        self.people = [f"ada{self.dice.getrandbits(64)}@example.com" for _ in range(self.deeds)]
        for loop in self.loops:
            wanted = self.people * (EACH // len(self.loops))
            self.dice.shuffle(wanted)
            backlog(loop, wanted)

    def play(self) -> None:
        """Everybody says stop, in one way or another, while the stage sends."""
        deeds: Sequence[Callable[[str], Any]] = (self.unsubscribes, self.is_stopped, self.is_deleted)
        people, before = list(self.people), self.server.dots
        self.dice.shuffle(people)
        with dispatching():
            until(lambda: self.server.dots > before, "sent anything")
            for number, email in enumerate(people):
                self.dice.choice(deeds)(email)
                if number % 15 == 14:
                    self.pauses(self.dice.choice(self.loops))
            until(lambda: not Message.objects.filter(due_at__isnull=False).exists(), "came to an end")

    def unsubscribes(self, email: str) -> None:
        with transaction.atomic():
            unsubscribe(Contact.objects.get(email=email), database_now())
            seen = self.still_queued(to_email=email, kind="marketing")
        self.forbid(seen, "unsubscribe")

    def is_stopped(self, email: str) -> None:
        with transaction.atomic():
            suppress(self.loops[0].workspace_id, email, Suppression.Reason.COMPLAINT, database_now())
            seen = self.still_queued(to_email=email)
        self.forbid(seen, "suppress")

    def is_deleted(self, email: str) -> None:
        with transaction.atomic():
            remove(Contact.objects.filter(email=email))
            seen = self.still_queued(to_email=email)
        self.forbid(seen, "delete")

    def pauses(self, loop: Loop) -> None:
        with transaction.atomic():
            pause(loop, database_now())
            seen = self.still_queued(loop_id=loop.pk)
        time.sleep(PAUSE)
        resumed = time.time()
        assert start(loop, database_now()) == []
        self.forbid(seen, "pause", resumed)

    def still_queued(self, **which: object) -> list[str]:
        """What was not marked before the deed: it waits for marks that are under way, and later ones for it."""
        return list(Message.objects.filter(status=Status.QUEUED, **which).values_list("token", flat=True))

    def forbid(self, tokens: Sequence[str], deed: str, before: float = inf) -> None:
        self.forbidden += [Forbidden(token, before, deed) for token in tokens]

    def kinds(self) -> set[str]:
        """The kinds of deed that came before some mail had left."""
        return {one.deed for one in self.forbidden}

    def broken(self) -> list[Forbidden]:
        """The deeds that a dot followed."""
        came = {token_of(message): at for at, message in self.server.dotted}
        return [one for one in self.forbidden if came.get(one.token, inf) < one.until]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with in_a_thread(scripted()) as server:
        yield server
    connection.close()


def test_however_deeds_and_mail_interleave_no_dot_follows_a_deed(server: ScriptedServer) -> None:
    shop = Shop(server, DEEDS)
    for _ in range(ROUNDS):
        shop.fill()
        shop.play()
        if shop.kinds() == KINDS:
            break
    told = f"seed {SEED}: {Counter(one.deed for one in shop.forbidden)}, {server.dots} sent"
    assert shop.broken() == [], told
    sent = [token_of(message) for _, message in server.dotted]
    assert len(set(sent)) == len(sent)
    ends = dict(Message.objects.values_list("token", "status"))
    assert {token for token, status in ends.items() if status == Status.SENT} == set(sent), told
    assert Counter(ends.values()).keys() <= {Status.SENT, Status.SKIPPED}, told
    # It was a race: mail left before the first deed, and of each kind of deed some came in time.
    assert sent, told
    assert shop.kinds() == KINDS, told


class AskedBefore:
    """A ledger that asks what may go out before its transaction: quick, and wrong. A deed comes between."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def __call__(self, entries: Sequence[Entry], rules: Rules) -> list[Answer]:
        marks = [entry.message for entry in entries if isinstance(entry, Mark)]
        said = standings(marks, rules.paused, lock=False)
        if marks:
            self.shop.is_stopped(marks[0].to_email)
        vars(ledger)["standings"] = lambda *_: said
        return write_ledger(entries, rules)


@pytest.mark.one_database
def test_the_race_notices_a_ledger_that_asks_before_its_transaction(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "standings", standings)  # Put back at the end
    shop = Shop(server, DEEDS)
    monkeypatch.setattr(sending, "write_ledger", AskedBefore(shop))
    shop.fill()
    shop.play()
    assert shop.broken(), f"seed {SEED}: {len(shop.forbidden)} were forbidden, {server.dots} sent"
