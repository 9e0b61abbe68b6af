"""What a provider's answer, or its silence, says of a message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cocoonmail.transports.base import Accepted, Deferred, Outcome, Refused, Unknown, printable
from cocoonmail.transports.esp.providers import Meaning, Provider

# Nothing against the message: the key, the account, the API's address, or the pace (420 is Mailgun's hourly limit).
ACCOUNT_STATUSES = frozenset({401, 402, 403, 404, 405, 407, 408, 420, 425, 429})
MAYBE = "It may or may not have taken the message."


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. `code` is the provider's own word for it, `receipt` its id for the message, "" for none."""

    status: int
    code: str
    text: str
    receipt: str = ""

    @property
    def words(self) -> str:
        """All of it in one line."""
        code = f", {self.code}" if self.code not in ("", "0") else ""
        return printable(f"HTTP {self.status}{code}: {self.text}" if self.text else f"HTTP {self.status}{code}")


@dataclass(frozen=True, slots=True)
class Silence:
    """No whole answer came. `sent` says whether any byte of the request may have left before."""

    sent: bool
    reason: str

    @property
    def words(self) -> str:
        """What is told of it."""
        return f"no answer ({self.reason})" if self.sent else f"not reached ({self.reason})"


Reply = Answer | Silence


def asks_again(provider: Provider, replies: Sequence[Reply]) -> bool:
    """Whether the same request with the same key would tell more: something was unclear, and nothing has settled it."""
    outcomes = [outcome_of(provider, reply) for reply in replies]
    settled = isinstance(outcomes[-1], Accepted | Refused) or _meaning(provider, replies[-1]) is Meaning.TAKEN_BEFORE
    return provider.has_key and not settled and any(isinstance(outcome, Unknown) for outcome in outcomes)


def conclude(provider: Provider, replies: Sequence[Reply]) -> Outcome:
    """The outcome of one request and its repeats under one key, in order.

    What was unclear once stays so until a repeat is taken or refused: a repeat that did not get through says nothing
    of the request before it.
    """
    outcomes = [outcome_of(provider, reply) for reply in replies]
    unclear = [outcome for outcome in outcomes if isinstance(outcome, Unknown)]
    if unclear and not isinstance(outcomes[-1], Accepted | Refused):
        return unclear[-1]
    return outcomes[-1]


def outcome_of(provider: Provider, reply: Reply) -> Outcome:
    """The outcome of one request, looked at alone."""
    if isinstance(reply, Silence):
        return _of_silence(provider, reply)
    if 200 <= reply.status < 300 and reply.receipt:
        return Accepted(printable(reply.receipt))
    return _of_answer(provider, reply)


def _of_silence(provider: Provider, silence: Silence) -> Outcome:
    if silence.sent:
        return Unknown(f"{silence.reason} before {provider.title} answered. {MAYBE}")
    return Deferred(f"{provider.title} could not be reached: {silence.reason}", slow_down=True)


def _of_answer(provider: Provider, reply: Answer) -> Outcome:
    match _meaning(provider, reply):
        case Meaning.REFUSED:
            return Refused(f"{provider.title} refused the message: {reply.words}")
        case Meaning.LATER:
            return Deferred(f"{provider.title} does not take mail now: {reply.words}", slow_down=True)
        case Meaning.NOT_YET:
            return Deferred(f"{provider.title} does not take mail from this sender now: {reply.words}")
        case Meaning.TAKEN_BEFORE:
            return Unknown(f"{provider.title} has had this message before: {reply.words}. {MAYBE}")
        case Meaning.UNCLEAR:
            return Unknown(f"{provider.title} gave an answer that decides nothing: {reply.words}. {MAYBE}")


def _meaning(provider: Provider, reply: Reply) -> Meaning:
    if isinstance(reply, Silence):
        return Meaning.UNCLEAR if reply.sent else Meaning.LATER
    said = provider.codes.get(f"{reply.status} {reply.code}") or provider.codes.get(reply.code)
    return said or _of_status(provider, reply.status)


def _of_status(provider: Provider, status: int) -> Meaning:
    if status in ACCOUNT_STATUSES or 300 <= status < 400:
        return Meaning.LATER
    if 400 <= status < 500:
        return Meaning.REFUSED
    if status in provider.not_taken or (status >= 500 and provider.key_outlives):
        return Meaning.LATER
    return Meaning.UNCLEAR
