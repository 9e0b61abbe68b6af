"""Webhooks from many senders while processes are killed, and an audit of what is left, kept outside of the system."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cocoonmail.platforms.stripe.samples import body
from tests.audit import letters
from tests.house import PATIENCE, Installation
from tests.mailbox import Mailbox
from tests.shop import EVENTS, event

SENDERS = 6
PACE = 0.02  # Seconds that a sender rests between two requests: more of them would only make the queue longer
TYPES = ("customer.created", "invoice.paid", "invoice.payment_failed")


class Sent(NamedTuple):
    """A webhook that was acknowledged: its bytes, and what must have followed from it."""

    raw: bytes
    name: str
    email: str


class Kill(NamedTuple):
    """Which processes are killed, and after how many acknowledgements or letters since the kill before."""

    who: tuple[str, ...]
    after: int

    @property
    def by_letters(self) -> bool:
        """A worker is killed between a letter's final dot and the mail server's answer, the worst moment there is."""
        return "work" in self.who


def planned(dice: random.Random, kills: int) -> list[Kill]:
    """Some kills, of each kind at least one where there are three."""
    kinds = [("web",), ("work",), ("web", "work")]
    chosen = [*kinds, *dice.choices(kinds, k=kills)][:kills]
    dice.shuffle(chosen)
    return [Kill(who, dice.randint(1, 30)) for who in chosen]


@dataclass
class Storm:
    """Senders who note what was acknowledged, and kills among it. `seed` decides everything but the timing."""

    house: Installation
    mail: Mailbox
    seed: int
    acks: dict[str, Sent] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)
    refused: int = 0
    workers_killed: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    struck: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    next: Kill | None = None
    left: int = 0

    def rage(self, kills: Sequence[Kill]) -> None:
        """Send while killing; then let everything come to its end."""
        with self.sending():
            for kill in kills:
                self.arm(kill)
                assert self.struck.wait(PATIENCE), f"{kill} never came.\n{self.house.logs()}"
                self.pick_up(kill)
        self.house.settled()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Senders at work. At the end each still gets its last webhook acknowledged."""
        self.house.web()
        self.house.work()
        self.mail.on_letter = lambda: self.count(letters=True)
        senders = [threading.Thread(target=self.send, args=(number,)) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            yield
        except BaseException:
            self.given_up.set()
            raise
        finally:
            self.over.set()
            for sender in senders:
                sender.join(PATIENCE)
            self.mail.on_letter = None
        assert not any(sender.is_alive() for sender in senders)

    def send(self, number: int) -> None:
        """One sender: every webhook again until it is acknowledged, as Stripe does."""
        dice = random.Random(f"{self.seed}/{number}")
        while not self.over.is_set():
            sent, id = self.written(dice)
            while self.house.post_bytes(sent.raw).status != 200:
                self.refused += 1
                if self.given_up.is_set():
                    return
                time.sleep(PACE)
            self.acks[id] = sent
            self.count(letters=False)
            time.sleep(PACE)

    def written(self, dice: random.Random) -> tuple[Sent, str]:
        """The next webhook of a sender, about somebody new or somebody who is known, and its id."""
        type_ = dice.choice(TYPES)
        with self.lock:
            if type_ == "customer.created" or not self.people:
                self.people.append(f"person{len(self.people)}@example.com")
                type_ = "customer.created"
            email = self.people[-1] if type_ == "customer.created" else dice.choice(self.people)
        made = event(type_, email)
        return Sent(body(made), EVENTS[type_], email), str(made["id"])

    def arm(self, kill: Kill) -> None:
        """From now on count towards this kill."""
        with self.lock:
            self.struck.clear()
            self.next, self.left = kill, kill.after

    def count(self, *, letters: bool) -> None:
        """One more letter or acknowledgement: kill at once when it is the one that was waited for."""
        with self.lock:
            if self.next is None or self.next.by_letters != letters:
                return
            self.left -= 1
            if self.left > 0:
                return
            for name in self.next.who:
                with suppress(ProcessLookupError):
                    os.kill(self.house.processes[name].pid, signal.SIGKILL)
            self.next = None
            self.struck.set()

    def pick_up(self, kill: Kill) -> None:
        """Start again what was killed, a worker after the dead one's leases are over."""
        for name in kill.who:
            self.house.kill(name)
        if "work" in kill.who:
            self.workers_killed += 1
            self.house.end_leases()
            self.house.work()
        if "web" in kill.who:
            self.house.start("web", "--port", str(self.house.port))

    def again(self, dice: random.Random, number: int) -> None:
        """Some of the webhooks once more, signed anew; each is known."""
        self.house.until(self.house.answers, "answered")
        for id in dice.sample(sorted(self.acks), min(number, len(self.acks))):
            assert self.house.post_bytes(self.acks[id].raw) == (200, {"received": True, "duplicate": True})
        self.house.settled()

    # The audit

    def findings(self) -> list[str]:
        """Everything that is not as promised, in words; nothing if all is well."""
        return [*self._lost(), *self._effects(), *self._letters()]

    def _lost(self) -> Iterator[str]:
        """Promise R1: each acknowledged webhook is stored, once, to the byte."""
        stored: dict[str, list[bytes]] = {}
        for id, raw in self.house.rows("SELECT external_id, body FROM intake_delivery"):
            stored.setdefault(id, []).append(bytes(raw))
        for id, sent in self.acks.items():
            found = stored.pop(id, [])
            if found != [sent.raw]:
                yield f"lost: {id} was acknowledged and is stored {len(found)} times, or differently"
        yield from (f"invented: {id} is stored and was never acknowledged" for id in stored)

    def _effects(self) -> Iterator[str]:
        """Promises R3 and W1: for each webhook one event, one finished run, one message; for each person a contact."""
        events = Counter((id, sent.name, sent.email) for id, sent in self.acks.items())
        yield from differences("event", events, Counter(self.house.rows(EVENTS_TOLD)))
        runs = Counter((id, "finished") for id in self.acks)
        yield from differences("run", runs, Counter(self.house.rows(RUNS)))
        messages = Counter((id, sent.email) for id, sent in self.acks.items())
        yield from differences("message", messages, Counter(self.house.rows(MESSAGES)))
        people = Counter((email,) for email in {sent.email for sent in self.acks.values()})
        yield from differences("contact", people, Counter(self.house.rows("SELECT email FROM contacts_contact")))

    def _letters(self) -> Iterator[str]:
        """Promises S1 and S2."""
        arrived = [str(letter.read()["Message-ID"]) for letter in self.mail.letters]
        yield from letters(self.house, arrived, self.workers_killed)


EVENTS_TOLD = """SELECT d.external_id, n.name, c.email FROM contacts_event e
    JOIN intake_delivery d ON d.id = e.delivery_id JOIN contacts_eventname n ON n.id = e.name_id
    JOIN contacts_contact c ON c.id = e.contact_id"""
RUNS = """SELECT d.external_id, r.state FROM loops_run r
    JOIN contacts_event e ON e.id = r.event_id JOIN intake_delivery d ON d.id = e.delivery_id"""
MESSAGES = """SELECT d.external_id, m.to_email FROM emails_message m JOIN loops_run r ON r.id = m.run_id
    JOIN contacts_event e ON e.id = r.event_id JOIN intake_delivery d ON d.id = e.delivery_id"""


def differences(what: str, wanted: Counter[Any], found: Counter[Any]) -> Iterator[str]:
    """What is missing and what is too much."""
    yield from (f"lost: {number} {what} {key}" for key, number in (wanted - found).items())
    yield from (f"twice: {number} {what} {key} too much" for key, number in (found - wanted).items())
