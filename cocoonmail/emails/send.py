"""Hand messages over, each in two steps: everything but the final dot; then, its mark on disk, the dot."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from django.db import connections

from cocoonmail import counts
from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.ledger import (
    NO_LOOPS,
    Answer,
    Done,
    Entry,
    Mark,
    Postpone,
    Rules,
    Soon,
    Stop,
    Verdict,
    write_ledger,
)
from cocoonmail.emails.letters import Letter, write
from cocoonmail.emails.mime import needs_smtputf8
from cocoonmail.emails.models import Message
from cocoonmail.emails.pace import LEAD, LONG_AGO, Later
from cocoonmail.emails.render import Held
from cocoonmail.emails.transport import limits_of, transport_of
from cocoonmail.kit.groupcommit import GroupCommit
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.transports import open_transport
from cocoonmail.transports.base import Connection, Deferred, Envelope, Paused, Refused, Transport

Left: TypeAlias = Done | Stop | Postpone  # What is left to be written when the connection is done with
AT_ONCE = Later(LONG_AGO)  # Back into the queue, due now
# Seconds that a mark or an outcome waits for others to be written with it, for each message that has a connection: the
# more there are, the more come soon, and the dearer it is to commit few at once.
GATHER_EACH = 0.00012
GATHER_MAX = 0.02


class Sender:
    """Sends messages that the worker has claimed. Lives on one event loop; keeps one transport per workspace open."""

    def __init__(self, rules: Rules = NO_LOOPS) -> None:
        self._ledger: GroupCommit[Entry, Answer] = GroupCommit(
            lambda entries: write_ledger(entries, rules),
            name="ledger",
            gather=lambda: min(len(self.under_way) * GATHER_EACH, GATHER_MAX),
            on_stop=connections.close_all,
        )
        self._transports: dict[int, tuple[str, Transport]] = {}
        self.under_way: set[int] = set()  # Messages that have, or had, a connection: by id, until all is written

    async def aclose(self) -> None:
        """Write what is left to write, hang up everywhere."""
        await self._ledger.aclose()
        for _, transport in self._transports.values():
            await transport.aclose()

    async def send(self, message: Message) -> None:
        """Send one message, loaded with its workspace and version. Whatever happens is written on its row."""
        try:
            left = await self._through(message)
            if left is not None:
                await self._ledger.submit(left)
        finally:
            self.under_way.discard(message.pk)

    async def _through(self, message: Message) -> Left | None:
        try:
            transport = await self._transport(message.workspace)
            async with transport.connection() as connection:
                self.under_way.add(message.pk)
                return await self._hand_over(message, connection)
        except Paused as pause:
            self.under_way.add(message.pk)
            return Postpone(message, pause.seconds)
        except Unsealable:
            self.under_way.add(message.pk)
            return Stop(message, f"the transport's settings cannot be read (Settings, Transport): {Unsealable.__doc__}")

    async def _hand_over(self, message: Message, connection: Connection) -> Left | None:
        """Both steps, on a connection of this message's own. Returns what is left to be written, if anything is."""
        letter = write(message)
        if isinstance(letter, Held):
            counts.TEMPLATE_STOPS.add(by=letter.fenced)
            return Stop(message, letter.reason)
        message.subject, message.message_id = letter.subject[:1000], letter.message_id
        prepared = await connection.prepare(_envelope(letter))
        if isinstance(prepared, Deferred | Refused):
            return Done(message, prepared)
        answer: Answer = Verdict.LOST
        try:
            answer = await self._may_the_dot_follow(message)
        finally:
            if answer is not Verdict.GO:
                await prepared.abandon()
        match answer:
            case Verdict.GO:
                return Done(message, await prepared.commit(), captured=not message.workspace.transport_sealed)
            case Later(at=at):
                return Postpone(message, at)
            case _:
                return None

    async def _may_the_dot_follow(self, message: Message) -> Answer:
        """The ledger's last word. Where mail is paced, a slot is waited for first, and the dot must leave within it."""
        keys = limits_of(message.workspace).keys(message.workspace_id, message.to_email)
        answer = await self._ledger.submit(Mark(message, keys))
        loop, asked = asyncio.get_running_loop(), 0.0
        while isinstance(answer, Soon):
            await asyncio.sleep(answer.seconds)
            asked = loop.time()
            answer = await self._ledger.submit(Mark(message, keys, answer.slot))
        if asked and answer is Verdict.GO and loop.time() - asked > LEAD.total_seconds():
            # The commit took longer than the slot has room for, and no dot has been sent.
            return AT_ONCE
        return answer

    async def _transport(self, workspace: Workspace) -> Transport:
        """The workspace's transport; a new one once its settings have changed."""
        sealed, transport = self._transports.get(workspace.pk, (None, None))
        if transport is None or sealed != workspace.transport_sealed:
            if transport is not None:
                await transport.aclose()
            transport = open_transport(transport_of(workspace))
            self._transports[workspace.pk] = (workspace.transport_sealed, transport)
        return transport


def _envelope(letter: Letter) -> Envelope:
    return Envelope(letter.sender, letter.recipient, letter.data, needs_smtputf8(letter.recipient), crlf=True)
