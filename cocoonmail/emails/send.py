"""Hand messages over, each in two steps: everything but the final dot; then, its mark on disk, the dot."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db.models import prefetch_related_objects

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.compose import Kind
from cocoonmail.emails.ledger import Done, Entry, Mark, Stop, Verdict, write_ledger
from cocoonmail.emails.letters import Letter, write
from cocoonmail.emails.mime import needs_smtputf8
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.render import Held
from cocoonmail.emails.transport import transport_of
from cocoonmail.kit.groupcommit import GroupCommit
from cocoonmail.transports import open_transport
from cocoonmail.transports.base import Deferred, Envelope, Prepared, Refused, Transport

log = logging.getLogger(__name__)

GATHER = 0.002  # Seconds that a mark or an outcome waits for others to be written with it


class Sender:
    """Sends messages that the worker has claimed. Lives on one event loop; keeps one transport per workspace open."""

    def __init__(self) -> None:
        self._ledger: GroupCommit[Entry, Verdict] = GroupCommit(write_ledger, name="ledger", gather_seconds=GATHER)
        self._transports: dict[int, tuple[str, Transport]] = {}

    async def aclose(self) -> None:
        """Write what is left to write, hang up everywhere."""
        await self._ledger.aclose()
        for _, transport in self._transports.values():
            await transport.aclose()

    async def send(self, message: Message) -> None:
        """Send one message, loaded with its workspace, version and contact. Whatever happens is written on its row."""
        if reason := may_not(message):
            await self._ledger.submit(Stop(message, Status.SKIPPED, reason))
            return
        done = await self._hand_over(message)
        if done is not None:
            await self._ledger.submit(done)

    async def _hand_over(self, message: Message) -> Done | Stop | None:
        """Both steps, on a connection of this message's own. Returns what is left to be written, if anything is."""
        transport = await self._transport(message.workspace)
        captured = not message.workspace.transport_sealed
        async with transport.connection() as connection:
            letter = write(message)
            if isinstance(letter, Held):
                return Stop(message, Status.HELD, letter.reason)
            message.subject, message.message_id = letter.subject[:1000], letter.message_id
            smtputf8 = needs_smtputf8(letter.recipient)
            prepared = await connection.prepare(Envelope(letter.sender, letter.recipient, letter.data, smtputf8))
            if isinstance(prepared, Deferred | Refused):
                return Done(message, prepared)
            verdict = await self._may_the_dot_follow(message, prepared)
            if verdict is Verdict.GO:
                return Done(message, await prepared.commit(), captured)
        return Stop(message, Status.SKIPPED, UNSUBSCRIBED) if verdict is Verdict.UNSUBSCRIBED else None

    async def _may_the_dot_follow(self, message: Message, prepared: Prepared) -> Verdict:
        verdict = Verdict.LOST
        try:
            verdict = await self._ledger.submit(Mark(message))
        finally:
            if verdict is not Verdict.GO:
                await prepared.abandon()
        return verdict

    async def _transport(self, workspace: Workspace) -> Transport:
        """The workspace's transport; a new one once its settings have changed."""
        sealed, transport = self._transports.get(workspace.pk, (None, None))
        if transport is None or sealed != workspace.transport_sealed:
            if transport is not None:
                await transport.aclose()
            transport = open_transport(transport_of(workspace))
            self._transports[workspace.pk] = (workspace.transport_sealed, transport)
        return transport


UNSUBSCRIBED = "the contact has unsubscribed, and this is a marketing email"


def may_not(message: Message) -> str:
    """Why a message may not go out, in words; "" when it may."""
    if message.contact is None:
        return "the contact was deleted"
    if message.kind == Kind.MARKETING and not message.contact.subscribed:
        return UNSUBSCRIBED
    return ""


def loaded(messages: Sequence[Message]) -> list[Message]:
    """Claimed messages with everything that sending needs."""
    prefetch_related_objects(messages, "workspace", "version", "contact")
    return list(messages)
