"""One connection to a mail server, message after message: all but the dot; the caller's mark; the dot."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

from cocoonmail.transports.address import TransportSettings
from cocoonmail.transports.base import (
    Accepted,
    Deferred,
    Envelope,
    Handover,
    Outcome,
    Prepared,
    Refused,
    Unknown,
    printable,
)
from cocoonmail.transports.smtp.opening import Session, open_session
from cocoonmail.transports.smtp.replies import Reply
from cocoonmail.transports.smtp.timeouts import Timeouts
from cocoonmail.transports.smtp.transaction import Step, Transaction, judge, plan
from cocoonmail.transports.smtp.wire import LinkTrouble, Lost

FINAL_DOT = b"\r\n.\r\n"

Told = TypeVar("Told", bound=Outcome)


class State(Enum):
    """Where a connection is between two messages."""

    IDLE = auto()
    BUSY = auto()
    PREPARED = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """The first command that was not granted, the answer, and the commands after it that are still to be answered."""

    step: Step
    reply: Reply
    unanswered: Sequence[Step]


class HeldMessage(Prepared):
    """The message at whose dot a connection waits."""

    def __init__(self, commit: Callable[[], Awaitable[Outcome]], abandon: Callable[[], Awaitable[None]]) -> None:
        self._commit = commit
        self._abandon = abandon

    async def commit(self) -> Outcome:
        """Send the final dot and wait for the answer."""
        return await self._commit()

    async def abandon(self) -> None:
        """Close the connection without the dot."""
        await self._abandon()


class SmtpConnection:
    """A server that is ready for mail. Not for two messages at a time.

    `messages` counts those begun. `lost_before_mail` is true once the connection was found dead before the server
    answered a message's first command: that message may go out through another connection at once.
    """

    def __init__(self, session: Session, timeouts: Timeouts) -> None:
        self.messages = 0
        self.lost_before_mail = False
        self._wire = session.wire
        self._extensions = session.extensions
        self._timeouts = timeouts
        self._state = State.IDLE
        self._answered = False

    @classmethod
    async def open(
        cls, settings: TransportSettings, timeouts: Timeouts | None = None, context: ssl.SSLContext | None = None
    ) -> SmtpConnection:
        """Connect, greet, encrypt and log in. Raises NotOpened, which carries the outcome for a waiting message."""
        timeouts = timeouts or Timeouts()
        return cls(await open_session(settings, timeouts, context), timeouts)

    @property
    def usable(self) -> bool:
        """Whether another message can be begun: nothing is under way, and the server has not spoken out of turn."""
        return self._state is State.IDLE and not self._wire.lost and not self._wire.unread

    @property
    def conversation(self) -> str:
        """What was said about the latest message, and for the first one also how the connection was made."""
        return str(self._wire.conversation)

    @property
    def encryption(self) -> str:
        """TLS's version, such as TLSv1.3, or "" for a link in clear."""
        return self._wire.tls_version

    async def prepare(self, envelope: Envelope) -> Handover:
        """Hand over all but the final dot: nothing of the dot is written here, so every failure leaves no message."""
        transaction = plan(envelope, self._extensions)
        if isinstance(transaction, Refused):
            return transaction
        self._begin()
        try:
            if turned_down := await self._ask_for(transaction.steps):
                return await self._move_on(turned_down)
            await self._send_body(transaction)
        except LinkTrouble as trouble:
            self.lost_before_mail = isinstance(trouble, Lost) and not self._answered
            return self._give_up_before_dot(trouble)
        self._state = State.PREPARED
        return HeldMessage(self._commit, self._abandon)

    async def quit(self) -> None:
        """Say goodbye and close."""
        if self.usable:
            await self._say_unheeded("QUIT")
        self._state = State.CLOSED
        self._wire.close()

    def abort(self) -> None:
        """Close at once, whatever is under way; a message without its dot is thrown away by the server."""
        self._state = State.CLOSED
        self._wire.abort()

    def _begin(self) -> None:
        if self._state is not State.IDLE:
            raise RuntimeError(f"This connection cannot begin a message: it is {self._state.name.lower()}.")
        self._state = State.BUSY
        self._answered = False
        if self.messages:
            self._wire.conversation.start_over(
                f"on a connection that was kept; messages before this one: {self.messages}"
            )
        self.messages += 1

    async def _ask_for(self, steps: Sequence[Step]) -> TurnedDown | None:
        """Say the commands, in one go where the server offers it (RFC 2920), and hear how far we may go."""
        at_once = "PIPELINING" in self._extensions
        if at_once:
            self._say(*steps)
        for number, step in enumerate(steps, start=1):
            if not at_once:
                self._say(step)
            reply = await self._hear(step)
            if not step.granted(reply):
                return TurnedDown(step, reply, steps[number:] if at_once else ())
        return None

    def _say(self, *steps: Step) -> None:
        for step in steps:
            self._wire.conversation.said(step.line)
        self._wire.write("".join(f"{step.line}\r\n" for step in steps).encode())

    async def _hear(self, step: Step) -> Reply:
        seconds = self._timeouts.data if step.grants == 3 else self._timeouts.command
        reply = await self._wire.read_reply(seconds, step.name)
        self._answered = True
        return reply

    async def _send_body(self, transaction: Transaction) -> None:
        self._wire.conversation.said(f"({len(transaction.body):,} bytes of message)")
        await self._wire.write_blocks(transaction.body, self._timeouts.block)

    async def _move_on(self, turned_down: TurnedDown) -> Deferred | Refused:
        """Make the connection ready for the next message where that is safe; close it where it is not."""
        outcome = judge(turned_down.step.about, turned_down.reply)
        try:
            in_step = turned_down.reply.code >= 400 and not turned_down.reply.about_session
            for step in turned_down.unanswered if in_step else ():
                # A server that wants the message although it has no recipient would need a dot; it gets none.
                in_step = not step.begins_data(await self._hear(step))
        except LinkTrouble:
            in_step = False
        if in_step and await self._say_unheeded("RSET"):
            self._state = State.IDLE
        else:
            self.abort()
        return self._told(outcome)

    async def _say_unheeded(self, command: str) -> bool:
        """Say a command whose answer decides nothing about a message; whether it was done."""
        self._wire.conversation.said(command)
        try:
            self._wire.write(command.encode() + b"\r\n")
            return (await self._wire.read_reply(self._timeouts.farewell, command)).positive
        except LinkTrouble:
            return False

    def _give_up_before_dot(self, trouble: LinkTrouble) -> Deferred | Refused:
        """The connection ends before the dot. A last word of the server's that nobody has read tells more than we."""
        last_word = self._wire.take_unread()
        self.abort()
        if last_word is not None and last_word.code >= 400:
            return self._told(judge("the message", last_word))
        self._wire.conversation.remark(str(trouble))
        return self._told(Deferred(printable(str(trouble)), slow_down=True))

    async def _commit(self) -> Outcome:
        self._leave_prepared()
        # An answer that came before the dot must never be taken for the answer to the dot.
        if self._wire.unread:
            return self._give_up_before_dot(LinkTrouble("The server spoke before the final dot was sent."))
        if self._wire.lost:
            return self._give_up_before_dot(Lost("The connection was lost before the final dot was sent."))
        self._wire.conversation.said(".")
        self._wire.write(FINAL_DOT)
        try:
            reply = await self._wire.read_reply(self._timeouts.dot, "the final dot")
        except LinkTrouble as trouble:
            return self._know_nothing(str(trouble))
        return self._conclude(reply)

    def _conclude(self, reply: Reply) -> Outcome:
        if reply.code < 400 and not reply.positive:
            return self._know_nothing(f'The answer to the final dot, "{reply.words}", means nothing.')
        if reply.about_session:
            self.abort()
        else:
            self._state = State.IDLE
        return self._told(Accepted(reply.words) if reply.positive else judge("the message", reply))

    def _know_nothing(self, why: str) -> Unknown:
        self.abort()
        self._wire.conversation.remark(why)
        return self._told(Unknown(printable(f"{why} The server may or may not have taken the message.")))

    async def _abandon(self) -> None:
        self._leave_prepared()
        self.abort()

    def _leave_prepared(self) -> None:
        if self._state is not State.PREPARED:
            raise RuntimeError("This message's dot was sent or given up before.")
        self._state = State.BUSY

    def _told(self, outcome: Told) -> Told:
        return replace(outcome, conversation=str(self._wire.conversation))
