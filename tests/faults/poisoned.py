"""A storm of webhooks that take the worker down, among others of which one in a hundred raises: promise R10."""

from __future__ import annotations

import hashlib
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from cocoonmail.platforms.stripe.samples import body
from tests.doomed import Doomed
from tests.faults.plan import Fault, Poison
from tests.poison import FAULTY
from tests.senders import Post
from tests.shop import EVENTS, event
from tests.storm import REST, Sent, Storm

SHARE = 0.01  # Of the webhooks raise
PLACE = "webhooks"  # What POISON says
FAILED = "SELECT external_id FROM intake_delivery WHERE state = 'failed'"


@dataclass
class PoisonedStorm(Storm):
    """Notes which webhooks are bad. Each must be given up, no other, and have its effects once it was mended."""

    bad: set[str] = field(default_factory=set)
    given_up_at_the_end: set[str] = field(default_factory=set)

    def suffer(self, fault: Fault) -> None:
        """A worker takes the place of each that it takes down, until it is given up."""
        assert isinstance(fault, Poison)
        self.await_turn(fault)
        raw, id, sent = self.about(f"{fault.name}{len(self.bad)}@example.com")
        post = Post(self.house)
        while post(raw) != 200:
            time.sleep(REST)
        self.acks[id] = sent
        self.house.until(lambda: self.is_given_up(id), f"gave {fault} up")

    def is_given_up(self, id: str) -> bool:
        """Whether it is. A worker that it took down meanwhile has a successor."""
        if (state := self.hands.ask("poll", self.worker)) != "runs":
            assert state == str(-signal.SIGABRT), f"a worker ended with {state}"
            self.revive(("work",))
        return (id,) in self.house.rows(FAILED)

    def written(self, dice: random.Random) -> tuple[bytes, str, Sent]:
        """As ever, but for one in a hundred."""
        if dice.random() >= SHARE:
            return super().written(dice)
        return self.about(f"{FAULTY}{dice.getrandbits(48)}@example.com")

    def waiting(self) -> int:
        return super().waiting() - len(self.bad)

    def about(self, email: str) -> tuple[bytes, str, Sent]:
        """A bad webhook, and its id."""
        made = event("customer.created", email)
        raw, id = body(made), str(made["id"])
        self.bad.add(id)
        return raw, id, Sent(hashlib.sha256(raw).digest(), EVENTS["customer.created"], email)

    def release(self) -> None:
        """What was bad is mended, and a person has all of it processed again."""
        self.given_up_at_the_end = {id for (id,) in self.house.rows(FAILED)}
        self.released = len(self.given_up_at_the_end)
        mended = Doomed(self.house, {"POISON": ""})
        self.house.module("tests.inside", "process-again", "")
        worker = mended.start()
        self.house.settled()
        mended.finish(worker)

    def _given_up(self) -> Iterator[str]:
        yield from (f"silent: {id} is bad and was not given up" for id in self.bad - self.given_up_at_the_end)
        yield from (f"blamed: {id} was given up for what others did" for id in self.given_up_at_the_end - self.bad)
