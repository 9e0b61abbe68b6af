"""Webhooks from many senders while processes are killed, and an audit of what is left, kept outside of the system."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cocoonmail.emails.suspects import TRIES_MAX
from cocoonmail.platforms.stripe.samples import body
from cocoonmail.transports.options import CONNECTIONS
from cocoonmail.worker import VANISHED
from tests.audit import letters
from tests.doomed import Doomed
from tests.faults.plan import Crash, Cut, Fault, Full, Kill, Poison, Step
from tests.faults.postgres import Server
from tests.faults.power import Power
from tests.house import PATIENCE, Installation, installation
from tests.senders import Post
from tests.shop import EVENTS, FILE, event
from tests.sink import Sink, sink
from tests.sweep import MARKED

SENDERS = 6
PACE = 0.01  # Seconds that a sender rests between two requests
AHEAD = 300  # Webhooks that wait, beyond which more would only make the queue longer, on a slow machine for minutes
SLOW_PACE = 0.5  # Seconds that a sender rests then
REST = 0.05  # Seconds after which a sender tries again who was refused
MOMENT = 0.5  # Seconds that the clocks are wrong
AGAIN = 0.1  # Share of the webhooks that are sent twice though they were acknowledged
WORN = f"given up after {TRIES_MAX} tries"  # How the reason of such a message begins
TYPES = ("customer.created", "invoice.paid", "invoice.payment_failed")


class Sent(NamedTuple):
    """A webhook that was acknowledged: the hash of its bytes, and what must have followed from it."""

    digest: bytes
    name: str
    email: str


@dataclass
class Storm:
    """Senders who note what was acknowledged, and faults among it. `seed` decides everything but the timing.

    `power` is what web and worker run on, `server` their PostgreSQL, where the faults need them.
    """

    house: Installation
    far: Sink
    hands: Doomed
    seed: int
    power: Power | None = None
    server: Server | None = None
    acks: dict[str, Sent] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)
    refused: int = 0
    unknown_max: int = 0
    deaths: int = 0  # Of workers
    released: int = 0
    end_leases: bool = True
    died: float = 0.0
    web: int = 0
    worker: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)
    struck: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    next: Fault | None = None
    left: int = 0

    def rage(self, faults: Sequence[Fault], *, end_leases: bool = True) -> None:
        """Send while this happens; then let everything come to its end. A dead worker's leases may be left to end."""
        self.end_leases = end_leases
        with self.sending():
            for fault in faults:
                self.suffer(fault)
        if ahead := max((fault.seconds for fault in faults if isinstance(fault, Step)), default=0):
            self.let_pass(ahead)
        self.settle()

    def let_pass(self, seconds: float) -> None:
        """What a clock that went ahead claimed, and its step broke off, is due when it is that time; all else before.

        PostgreSQL ends the statements that are under way when its clock goes ahead.
        """
        self.house.until(
            lambda: self.house.left() == self.house.left(beyond=seconds / 2),
            "came to an end but for what a wrong clock had claimed",
        )
        self.supply.set_clock(seconds)

    def release(self) -> None:
        """What was in hand at eight deaths stands still, and is shown (promise R10): a person lets it go on."""
        given_up = self.house.rows(GIVEN_UP)[0][0]
        if not given_up:
            return
        self.released += given_up
        self.house.module("tests.inside", "process-again", VANISHED)
        self.house.module("tests.inside", "release", WORN)
        self.worker = self.hands.start()
        self.house.settled()
        self.hands.finish(self.worker)

    def settle(self) -> None:
        """Let everything come to its end, and web and worker stop."""
        self.house.settled()
        for hand in (self.worker, self.web):
            self.hands.finish(hand)

    def suffer(self, fault: Fault) -> None:
        """One fault, and whoever died is there again."""
        match fault:
            case Kill():
                self.await_turn(fault)
                self.bury(fault.who)
                self.revive(fault.who)
            case Cut():
                self.cut(fault)
            case Crash(how):
                self.await_turn(fault)
                assert self.server is not None
                self.server.end(how)
                self.unknown_max += CONNECTIONS
            case Step(seconds):
                self.await_turn(fault)
                self.supply.set_clock(seconds)
                time.sleep(MOMENT)
                self.supply.set_clock(0)
                self.unknown_max += CONNECTIONS  # What was on its way when its lease seemed to end
            case Full():
                self.await_turn(fault)
                self.fill_disk()
            case Poison():
                raise TypeError(f"{fault} is for a PoisonedStorm")

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Senders at work. At the end each still gets its last webhook acknowledged."""
        self.over.clear()
        self.web, self.worker = self.hands.web(), self.hands.start()
        self.house.until(self.house.answers, "answered")
        self.far.on_letter = lambda: self.count(letters=True)
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
            self.far.on_letter = None
        assert not any(sender.is_alive() for sender in senders)

    def send(self, number: int) -> None:
        """One sender: every webhook again until it is acknowledged, as Stripe does, and now and then once more."""
        dice = random.Random(f"{self.seed}/{number}/{len(self.acks)}")
        post = Post(self.house)
        while not self.over.is_set():
            raw, id, sent = self.written(dice)
            while post(raw) != 200:
                self.refused += 1
                if self.given_up.is_set():
                    return
                time.sleep(REST)
            self.acks[id] = sent
            self.count(letters=False)
            if dice.random() < AGAIN:
                post(raw)
            self.over.wait(PACE if self.waiting() < AHEAD else SLOW_PACE)

    def waiting(self) -> int:
        """About how many have not come to their end."""
        return len(self.acks) - len(self.far.taken) - self.unknown_max

    def written(self, dice: random.Random) -> tuple[bytes, str, Sent]:
        """The next webhook of a sender, about somebody new or somebody who is known, and its id."""
        type_ = dice.choice(TYPES)
        with self.lock:
            if type_ == "customer.created" or not self.people:
                self.people.append(f"person{len(self.people)}@example.com")
                type_ = "customer.created"
            email = self.people[-1] if type_ == "customer.created" else dice.choice(self.people)
        made = event(type_, email)
        raw = body(made)
        return raw, str(made["id"]), Sent(hashlib.sha256(raw).digest(), EVENTS[type_], email)

    def await_turn(self, fault: Fault) -> None:
        """Count acknowledgements or letters until it is this fault's turn. A kill strikes at that very moment."""
        with self.lock:
            self.struck.clear()
            self.next, self.left = fault, fault.after
        assert self.struck.wait(PATIENCE), f"{fault} never came.\n{self.house.logs()}"

    def count(self, *, letters: bool) -> None:
        """One more letter or acknowledgement: kill at once when it is the one that was waited for."""
        with self.lock:
            if self.next is None or (isinstance(self.next, Kill) and self.next.by_letters) != letters:
                return
            self.left -= 1
            if self.left > 0:
                return
            if isinstance(self.next, Kill):
                for name in self.next.who:
                    with suppress(ProcessLookupError):
                        os.kill(self.web if name == "web" else self.worker, signal.SIGKILL)
            self.next = None
            self.struck.set()

    def bury(self, who: Sequence[str]) -> None:
        """See to it that they are dead."""
        self.died = time.monotonic()
        for name in who:
            self.hands.kill(self.web if name == "web" else self.worker)

    def revive(self, who: Sequence[str]) -> None:
        """Start again what is dead, a worker after the dead one's leases are over."""
        if "work" in who:
            self.deaths += 1
            self.hands.quiet(self.worker)
            self.unknown_max += self.house.rows(MARKED)[0][0]
            if self.end_leases:
                self.house.end_leases()
            self.worker = self.hands.start()
        if "web" in who:
            self.web = self.hands.web()

    def cut(self, cut: Cut) -> None:
        """A power cut of everything that writes to the disk."""
        self.await_turn(cut)
        self.supply.fail_in(cut.calls)
        self.until(lambda: self.supply.failed, f"{cut} never came")
        self.bury(("web", "work"))
        dice = random.Random(cut.seed)

        def survives() -> bool:
            return dice.random() < cut.survival

        if self.server:
            self.server.lose_power(survives)
        else:
            self.supply.restore(survives)
        self.revive(("web", "work"))

    def fill_disk(self) -> None:
        """Nothing can be written until a sender was refused: promise R9."""
        refused = self.refused
        self.supply.fill_disk(full=True)
        self.until(lambda: self.refused > refused, "the disk was full, and nobody noticed")
        self.supply.fill_disk(full=False)
        self.unknown_max += CONNECTIONS  # What was on its way and could not be noted

    @property
    def supply(self) -> Power:
        """What whoever writes to the disk runs on."""
        power = self.server.power if self.server else self.power
        assert power is not None
        return power

    def until(self, condition: Callable[[], bool], trouble: str) -> None:
        """Wait for something true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{trouble}.\n{self.house.logs()}"
            time.sleep(0.002)

    def told(self) -> str:
        """What happened, for a person."""
        return f"{len(self.acks)} acknowledged, {self.refused} refused, {self.unknown_max} marked when a worker ended"

    # The audit

    def findings(self) -> list[str]:
        """Everything that is not as promised, in words; nothing if all is well."""
        sent = letters(self.house, self.far.ids(), self.unknown_max)
        return [*self._lost(), *self._effects(), *sent, *self._given_up()]

    def _given_up(self) -> Iterator[str]:
        """Promise R10: nothing is given up before eight deaths."""
        if self.released > self.deaths // TRIES_MAX:
            yield f"held: {self.released} rows were given up at {self.deaths} deaths of workers"

    def _lost(self) -> Iterator[str]:
        """Promises R1 and R2: each acknowledged webhook is stored, once, to the byte."""
        stored: dict[str, list[bytes]] = {}
        for id, raw in self.house.rows("SELECT external_id, body FROM intake_delivery"):
            stored.setdefault(id, []).append(hashlib.sha256(raw).digest())
        for id, sent in self.acks.items():
            found = stored.pop(id, [])
            if len(found) > 1:
                yield f"twice: {id} is stored {len(found)} times"
            elif found != [sent.digest]:
                yield f"lost: {id} was acknowledged and is {'stored with another body' if found else 'not stored'}"
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


@contextmanager
def storm(
    folder: Path,
    seed: int,
    kind: type[Storm] = Storm,
    /,
    *,
    powered: bool = False,
    server: Server | None = None,
    **bad: str,
) -> Iterator[Storm]:
    """A shop for a storm, on this PostgreSQL where there is one, else on power of its own where it is asked for.

    `bad` is added to the environment.
    """
    power = Power(folder / "data", folder / "beside") if powered and not server else None
    supply = server.power if server else power
    environment = {**(supply.environment() if supply else {}), **bad}
    url = server.database() if server else None
    with sink() as far, installation(folder, FILE % far.url, database_url=url, environment=environment) as house:
        raging = kind(house, far, Doomed(house, environment), seed, power, server)
        try:
            yield raging
        except BaseException as error:
            error.add_note(f"seed {seed}: {raging.told()}")
            raise
        finally:
            if supply:  # The server's is the next storm's as well.
                supply.set_clock(0)
                supply.fill_disk(full=False)


GIVEN_UP = f"""SELECT
    (SELECT count(*) FROM emails_message WHERE status = 'held' AND reason LIKE '{WORN}%') +
    (SELECT count(*) FROM intake_delivery WHERE state = 'failed' AND trouble LIKE '%{VANISHED}%')"""
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
