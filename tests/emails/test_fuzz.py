"""Whatever a contact's values are, a mail server and independent readers get one sound message for one person.

COCOONMAIL_FUZZ_MESSAGES says how many are made, COCOONMAIL_FUZZ_SEED of which; ten thousand take some minutes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import Envelope as Taken

from cocoonmail.emails.content import Kind
from cocoonmail.emails.dkim import sign
from cocoonmail.emails.plaintext import tidy
from cocoonmail.emails.render import LINE_MAX, Held
from cocoonmail.transports import open_transport
from cocoonmail.transports.address import Security, TransportSettings
from cocoonmail.transports.base import Accepted, Outcome, Prepared
from cocoonmail.transports.smtp.body import wire_address
from tests.emails.fuzz import URL, Sample, expected, samples, shown, words
from tests.emails.letters import MARKDOWN, facts, sent
from tests.emails.test_dkim import KEYS, SENT, verified
from tests.transports.real import mail_server

NUMBER = int(os.environ.get("COCOONMAIL_FUZZ_MESSAGES", "300"))
SEED = int(os.environ.get("COCOONMAIL_FUZZ_SEED", "0"))

ALWAYS = {"from", "to", "subject", "message-id", "date", "reply-to", "auto-submitted", "x-auto-response-suppress",
          "feedback-id", "mime-version", "content-type"}  # fmt: skip
LISTED = {"list-unsubscribe", "list-unsubscribe-post"}

HELD = {"still contains {{ or {%", "the email is empty", "the subject is empty"}

pytestmark = pytest.mark.one_database


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("mail.log").setLevel(logging.WARNING)


def test_every_message_is_taken_whole_and_says_to_others_what_its_values_say() -> None:
    made = list(samples(NUMBER, SEED))
    sendable = [one for one in made if isinstance(one, Sample)]
    # Nothing gives cause to hold a message but what looks half-rendered, or like a footer.
    assert {re.sub("^the .* still", "still", one.reason) for one in made if isinstance(one, Held)} <= HELD
    assert len(sendable) > NUMBER * 0.9
    outcomes, taken = asyncio.run(handed_over(sendable))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(taken) == len(sendable)
    for sample, envelope in zip(sendable, taken, strict=True):
        assert_same(sample, envelope)


def test_a_body_that_begins_like_a_footer_is_not_taken_for_empty() -> None:
    assert sent(replace(MARKDOWN, body="{{ event.note }}"), facts(note="--\nHello"))


async def handed_over(made: list[Sample]) -> tuple[list[Outcome], list[Taken]]:
    """Sent one after the other by our own client to a real server."""
    outcomes: list[Outcome] = []
    async with mail_server() as inbox:
        transport = open_transport(TransportSettings("smtp", "127.0.0.1", inbox.port, Security.NONE))
        for sample in made:
            prepared = await transport.prepare(sample.envelope)
            outcomes.append(await prepared.commit() if isinstance(prepared, Prepared) else prepared)
        await transport.aclose()
    return outcomes, inbox.envelopes


def assert_same(sample: Sample, taken: Taken) -> None:
    """One recipient, our bytes, no header but ours, and the values as they are."""
    data = taken.content
    assert isinstance(data, bytes)
    assert (taken.mail_from, taken.rcpt_tos) == ("hello@acme.test", [wire_address(sample.envelope.recipient)])
    assert data == sample.envelope.data.removesuffix(b"\r\n") + b"\r\n"
    assert_plain(data)
    message = message_from_bytes(data, policy=policy.default.clone(utf8=True))
    assert isinstance(message, EmailMessage)
    assert_headers(sample, message)
    assert_content(sample, message)
    assert_signed(data)


def assert_plain(data: bytes) -> None:
    """CRLF alone, short lines, nothing that a careless server takes for an end or an envelope."""
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", data)
    assert b"\x00" not in data
    lines = data.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert b"." not in lines
    assert not any(line.startswith(b"From ") for line in lines)


def assert_headers(sample: Sample, message: EmailMessage) -> None:
    marketing = sample.email.kind is Kind.MARKETING
    found = [name.lower() for name in message]
    assert sorted(found) == sorted(ALWAYS | LISTED if marketing else ALWAYS)
    assert len(message["To"].addresses) == len(message["From"].addresses) == 1
    assert message["From"].addresses[0].addr_spec == "hello@acme.test"
    assert message["Auto-Submitted"] == "auto-generated"
    if marketing:
        assert message["List-Unsubscribe"].strip() == f"<{URL}>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    name = message["From"].addresses[0].display_name
    # The library keeps the white space between two encoded words of a phrase, which RFC 2047 section 6.2 ignores.
    for said, field in ((message["Subject"], "subject"), (name, "from_name")):
        whole = "".join(words(expected(sample, field)))
        seen = "".join(said.split())
        assert seen == whole or (seen.endswith("…") and whole.startswith(seen[:-1]) and len(seen) <= LINE_MAX)


def assert_content(sample: Sample, message: EmailMessage) -> None:
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert not any(part.defects for part in message.walk())
    plain = body(message, "plain")
    assert plain == tidy(expected(sample, "text"))
    for value in (sample.facts["contact"]["firstName"], sample.facts["event"]["note"]):
        assert shown(value) in "".join(plain.split())
    assert body(message, "html") == expected(sample, "html")


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def assert_signed(data: bytes) -> None:
    """An independent reader verifies both signatures that we put before these bytes."""
    assert verified(sign(data, KEYS, SENT) + data, len(KEYS)) == [True] * len(KEYS)
