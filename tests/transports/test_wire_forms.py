"""What goes over the wire and comes back: message bodies, addresses, replies and what is shown of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cocoonmail.transports.base import WORDS_MAX, Envelope, Refused, printable
from cocoonmail.transports.smtp.body import BadAddress, wire_address, wire_body
from cocoonmail.transports.smtp.conversation import LINES_MAX, Conversation
from cocoonmail.transports.smtp.replies import NotSmtp, Reply, read_extensions, take_reply
from cocoonmail.transports.smtp.transaction import Transaction, plan

pytestmark = pytest.mark.one_database

hostile = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"From ", b"a", b"\0", b"\xff"])).map(b"".join)


@given(hostile)
@example(b".\r\n.\r\n..\r\n")
@example(b"\n.\nMAIL FROM:<x@y.test>\n")
@example(b"")
def test_no_message_can_end_itself_and_its_lines_arrive_as_written(data: bytes) -> None:
    sent = wire_body(data) + b"\r\n.\r\n"
    assert sent.index(b"\r\n.\r\n") == len(sent) - 5
    assert not sent.startswith(b".\r\n") or sent == b".\r\n"
    assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
    received = [line.removeprefix(b".") for line in sent.removesuffix(b".\r\n").split(b"\r\n")[:-1]]
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert received == (lines[:-1] if lines[-1] == b"" and len(lines) > 1 else lines)


@pytest.mark.parametrize(
    ("address", "on_the_wire"),
    [
        ("alice@customer.test", "alice@customer.test"),
        ("o'brien+news=a@customer.test", "o'brien+news=a@customer.test"),
        ("alice@bücher.test", "alice@xn--bcher-kva.test"),
        ("élise@bücher.test", "élise@xn--bcher-kva.test"),
        ('"a b>"@customer.test', '"a b>"@customer.test'),
        ("alice@[192.0.2.1]", "alice@[192.0.2.1]"),
    ],
)
def test_an_address_is_sent_as_it_is_but_for_its_domains_letters(address: str, on_the_wire: str) -> None:
    assert wire_address(address) == on_the_wire


@pytest.mark.parametrize(
    "address",
    [
        *["", "alice", "@customer.test", "alice@", "alice@@customer.test", "a b@customer.test", "Alice <a@b.test>"],
        *["a@b.test\r\nRCPT TO:<c@d.test>", "a@b.test> NOTIFY=NEVER", "<a@b.test>", "a\0@b.test", "a@b.test\n"],
        *['"a\r\nb"@c.test', "a@b.test,c@d.test", "a\u2028b@c.test", "a@b\u0085.test", "a" * 320 + "@b.test"],
        "a@" + "ü" * 70 + ".test",
    ],
)
def test_nothing_but_one_address_gets_into_a_command(address: str) -> None:
    with pytest.raises(BadAddress):
        wire_address(address)
    assert isinstance(plan(Envelope("hello@acme.test", address, b""), {}), Refused)


@given(st.text(max_size=40), st.text(max_size=40))
def test_every_planned_command_is_one_line_with_one_address(sender: str, recipient: str) -> None:
    planned = plan(Envelope(f"{sender}@acme.test", f"{recipient}@customer.test", b""), {"SMTPUTF8": "", "8BITMIME": ""})
    if isinstance(planned, Transaction):
        assert all(step.line.splitlines() == [step.line] and "\0" not in step.line for step in planned.steps)


@pytest.mark.parametrize(
    ("envelope", "extensions", "mail"),
    [
        (Envelope("", "a@b.test", b"x\r\n"), "", "MAIL FROM:<>"),
        (Envelope("c@d.test", "a@b.test", b"x\r\n"), "SIZE 3", "MAIL FROM:<c@d.test> SIZE=3"),
        (Envelope("c@d.test", "a@b.test", b"\xff"), "8BITMIME", "MAIL FROM:<c@d.test> BODY=8BITMIME"),
        (
            Envelope("c@d.test", "é@b.test", b"x"),
            "8BITMIME SMTPUTF8",
            "MAIL FROM:<c@d.test> BODY=8BITMIME SMTPUTF8",
        ),
    ],
)
def test_the_first_command_uses_what_the_server_offers(envelope: Envelope, extensions: str, mail: str) -> None:
    offered = {"SIZE": "3"} if extensions == "SIZE 3" else dict.fromkeys(extensions.split(), "")
    planned = plan(envelope, offered)
    assert isinstance(planned, Transaction)
    assert planned.steps[0].line == mail


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        (Envelope("c@d.test", "a@b.test", b"x" * 99), "101 bytes, and the server takes 100 at most"),
        (Envelope("c@d.test", "é@b.test", b"x"), "SMTPUTF8"),
        (Envelope("c@d.test", "a@b.test", b"x", smtputf8=True), "SMTPUTF8"),
        (Envelope("c@d.test", "a@b.test", b"\xc3\xa9"), "8BITMIME"),
    ],
)
def test_what_the_server_cannot_take_is_refused_before_a_word(envelope: Envelope, words: str) -> None:
    refused = plan(envelope, {"SIZE": "100"})
    assert isinstance(refused, Refused)
    assert words in refused.reason


def test_a_reply_is_taken_whole_and_nothing_beyond_it() -> None:
    buffer = bytearray(b"250-2.0.0 One\r\n250 two\n354 go")
    assert take_reply(buffer) == Reply(250, ("2.0.0 One", "two"))
    assert take_reply(buffer) is None
    buffer += b"\r\n"
    assert take_reply(buffer) == Reply(354, ("go",))
    assert not buffer


@pytest.mark.parametrize(
    "answer",
    [
        *[b"hello\r\n", b"25 ok\r\n", b"2500 ok\r\n", b"250_ok\r\n", b"199 ok\r\n", b"600 ok\r\n", b"\r\n"],
        *[b"250-ok\r\n251 ok\r\n", "٢٥٠ ok\r\n".encode(), b"250 " + b"x" * 3000, b"250-x\r\n" * 101],
    ],
)
def test_what_is_no_reply_is_told_apart(answer: bytes) -> None:
    with pytest.raises(NotSmtp):
        take_reply(bytearray(answer))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_not_yet_or_none(answer: bytes) -> None:
    try:
        reply = take_reply(bytearray(answer))
    except NotSmtp:
        return
    assert reply is None or 200 <= reply.code <= 599


def test_a_servers_words_are_shown_printable_and_short() -> None:
    reply = take_reply(bytearray(b"550 5.1.1 \x1b[31mNo\x00 user \xe2\x80\xae\xff" + b"x" * 900 + b"\r\n"))
    assert reply is not None
    assert reply.words.isprintable()
    assert len(reply.words) <= WORDS_MAX
    assert reply.status == "5.1.1"
    assert printable("a\r\nb\u202ec") == "a  b c"


def test_an_old_way_to_offer_a_login_is_understood_beside_the_new_one() -> None:
    reply = Reply(250, ("mx.test", "auth PLAIN", "AUTH=LOGIN CRAM-MD5", "Size 100"))
    assert read_extensions(reply) == {"AUTH": "PLAIN LOGIN CRAM-MD5", "SIZE": "100"}


def test_a_conversation_stays_short_and_keeps_its_end() -> None:
    conversation = Conversation()
    for number in range(1000):
        conversation.said(f"NOOP {number}")
    conversation.heard(250, ["the end"])
    lines = str(conversation).splitlines()
    assert len(lines) == LINES_MAX + 1
    assert lines[0] == "C: NOOP 0"
    assert lines[-1] == "S: 250 the end"
