"""Send webhooks by themselves as events happen, for local work: what Stripe does, where tests call `deliver()`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.fake_stripe.webhooks import Attempt, Sender

# An idle thread looks around this often (seconds), should a wake-up have come between its look and its sleep.
IDLE = 1.0


@dataclass
class Background:
    """A thread that delivers what is due.

    `hold` (seconds) lets events gather before they go, so that there is something to shuffle. `tell` gets the attempts.
    """

    sender: Sender
    copies: int = 1
    shuffle: int | None = None
    at_once: int = 1
    hold: float = 0.0
    tell: Callable[[Sequence[Attempt]], None] = lambda attempts: None
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def __enter__(self) -> Background:
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self.stopping.set()
        with self.sender.lock:
            self.sender.lock.notify_all()
        if self.thread:
            self.thread.join()

    def work(self) -> None:
        """Sleep until something is due, send it, again."""
        while not self.stopping.is_set():
            if self.wait_for_due():
                self.stopping.wait(self.hold)
                sent = self.sender.deliver_due(copies=self.copies, shuffle=self.shuffle, at_once=self.at_once)
                self.tell(sent)

    def wait_for_due(self) -> bool:
        """Whether something is due, after a sleep of at most IDLE seconds."""
        with self.sender.lock:
            due = self.sender.next_due()
            left = IDLE if due is None else due - self.sender.clock()
            if left > 0:
                self.sender.lock.wait(min(left, IDLE))
            due = self.sender.next_due()
            return due is not None and due <= self.sender.clock()
