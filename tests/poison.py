"""Faults that take a worker down, or raise, at rows about certain people: what POISON names for tests.doom.

Like a fault in a library that is not written in Python, and like a mistake of our own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta

POISONED = "poison"  # How the address begins of somebody whose message or webhook takes its process down
DELAYED = "venom"  # How it begins where that happens late, among "webhooks"
FAULTY = "faulty"  # How it begins where it raises


def fatal(*addresses: str, name: str = POISONED) -> None:
    """End here if one of these begins so."""
    if any(address.startswith(name) for address in addresses):
        os.abort()


def writing() -> None:
    """The process ends while the letter is written."""
    from cocoonmail.emails import letters, send, suspects
    from cocoonmail.emails.models import Message
    from cocoonmail.emails.render import Held

    def write(message: Message) -> letters.Letter | Held:
        fatal(message.to_email)
        return letters.write(message)

    vars(send)["write"] = vars(suspects)["write"] = write


def sending() -> None:
    """The process ends when the letter has been written."""
    from cocoonmail.emails import send
    from cocoonmail.emails.letters import Letter
    from cocoonmail.transports.base import Envelope

    envelope = send._envelope

    def poisoned(letter: Letter) -> Envelope:
        fatal(letter.recipient)
        return envelope(letter)

    vars(send)["_envelope"] = poisoned


def reading() -> None:
    """The process ends, or it raises, while a webhook is read."""
    from cocoonmail import pipeline
    from cocoonmail.contacts.told import Told
    from cocoonmail.intake.models import Delivery
    from cocoonmail.intake.read import Setup, read
    from cocoonmail.intake.triage import Triage

    def poisoned(delivery: Delivery, setup: Setup) -> Told | Triage:
        body = bytes(delivery.body).decode()
        fatal(POISONED if f'"{POISONED}' in body else "")
        if f'"{FAULTY}' in body:
            raise RuntimeError("a mistake of our own")
        return read(delivery, setup)

    vars(pipeline)["read"] = poisoned


def applying(name: str = POISONED) -> None:
    """The process ends after a webhook was read, amid what it changes."""
    from cocoonmail import pipeline
    from cocoonmail.contacts.apply import apply
    from cocoonmail.contacts.told import Told

    def poisoned(told: Sequence[Told], now: datetime) -> object:
        fatal(*(one.reading.change.email for one in told), name=name)
        return apply(told, now)

    vars(pipeline)["apply"] = poisoned


def webhooks() -> None:
    """Of webhooks some end the process while they are read, some later, and some raise."""
    reading()
    applying(DELAYED)


def hurried() -> None:
    """Who is tried again is so without waiting."""
    from cocoonmail import worker
    from cocoonmail.emails import suspects

    vars(suspects)["RETRY_FIRST"] = vars(worker)["RETRY_FIRST"] = timedelta(milliseconds=1)


PLACES = {"write": writing, "send": sending, "read": reading, "apply": applying, "webhooks": webhooks}


def spread(place: str) -> None:
    """Poison this place, in a process that is to be forked."""
    hurried()
    PLACES[place]()
