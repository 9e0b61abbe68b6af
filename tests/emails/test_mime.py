"""The bytes of a message mean, to an independent reader, exactly what was put in, whatever that was."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cocoonmail.emails import mime
from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.render import Rendered

SENT = datetime(2026, 12, 3, 9, 30, 1, tzinfo=UTC)
HEADERS = Headers("<0192-abc@acme.test>", SENT, "alice@example.com")
MAIL = Rendered("Hello", "<p>Hello</p>", "Hello", "Acme", "hello@acme.test", "", "")

# What breaks careless writers: controls, line ends of all kinds, dots, long words, what looks like a header.
NASTY = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "\r\n", "\n", "\r", "\x00", "\t", " ", ".", "\n.\n", "\nFrom x", "From ", "=?utf-8?q?x?=", "=", "--",
                "\u2028", "\u202e", "\ud800", "é", "\U0001f389", "日本", "x" * 998, "a,b", '"', "\\", "<x@y>",
                "Bcc: m@evil.test", "\r\nBcc: m@evil.test\r\n", ";", "(", "@", ":", "=\n", " \n", "\x85",
            ]
        ),
        st.text(max_size=20),
    ),
    max_size=12,
).map("".join)  # fmt: skip


def read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    assert not part.defects
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode("utf-8").replace("\r\n", "\n")


def as_lines(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\r\n", "\n").replace("\r", "\n")


def as_words(text: str) -> list[str]:
    return mime._NOT_IN_A_HEADER.sub(" ", text).split()


def without_spaces(name: str) -> str:
    # The library keeps the white space between two encoded words of a phrase, which RFC 2047 section 6.2 ignores.
    return "".join(name.split())


@settings(max_examples=250, deadline=None)
@given(subject=NASTY, name=NASTY, text=NASTY, html=NASTY, to=NASTY, reply=NASTY, identity=NASTY, feedback=NASTY)
@example(
    subject="x" * 2000,
    name="x" * 300,
    text=".\n..\nFrom me\n",
    html="é" * 3000,
    to="@",
    reply="\r\n",
    identity="",
    feedback="",
)
def test_hostile_values_come_back_as_they_were_and_nothing_else(
    *, subject: str, name: str, text: str, html: str, to: str, reply: str, identity: str, feedback: str
) -> None:
    rendered = Rendered(subject, html, text, name, "hello@acme.test", reply, "")
    data = build(rendered, Headers(identity, SENT, to, "https://a.test/" + feedback, feedback))
    assert_well_formed(data)
    message = read_headers(data)
    assert body(read(_plain_headers(data)), "plain") == as_lines(text)
    assert body(read(_plain_headers(data)), "html") == as_lines(html)
    assert message["Subject"].split() == as_words(subject)
    assert len(message["From"].addresses) == 1
    assert message["From"].addresses[0].addr_spec == "hello@acme.test"
    assert without_spaces(message["From"].addresses[0].display_name) == without_spaces(" ".join(as_words(name)))
    known = {"from", "to", "subject", "message-id", "date", "reply-to", "auto-submitted", "x-auto-response-suppress",
             "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "mime-version", "content-type"}  # fmt: skip
    found = [header.lower() for header in message]
    assert len(found) == len(set(found))
    assert set(found) <= known


def assert_well_formed(data: bytes) -> None:
    """CRLF line ends only, no line over 998 bytes, ASCII but for an internationalised address, no lone dot."""
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", data)
    lines = data.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert b"\x00" not in data
    head, _, rest = data.partition(b"\r\n\r\n")
    assert rest.isascii()
    assert b"." not in lines
    assert not any(line.startswith(b"From ") for line in rest.split(b"\r\n"))
    assert not any(line and not line.strip() for line in head.split(b"\r\n"))


def read_headers(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default.clone(utf8=True))
    assert isinstance(message, EmailMessage)
    return message


def _plain_headers(data: bytes) -> bytes:
    """The message without the two headers whose values here are no addresses at all."""
    head, _, rest = data.partition(b"\r\n\r\n")
    kept = re.sub(rb"(?:\A|(?<=\r\n))(To|Message-ID|Reply-To): [^\r]*(\r\n[ \t][^\r]*)*\r\n", b"", head + b"\r\n")
    return kept + b"\r\n" + rest


ADDRESS = st.builds(
    "{}@{}".format,
    st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[a-z0-9]{1,9}){0,2}", fullmatch=True),
    st.sampled_from(["example.com", "mail.example.co.uk", "xn--bcher-kva.example"]),
)


@settings(max_examples=150, deadline=None)
@given(address=ADDRESS, name=NASTY)
def test_addresses_come_back_as_they_were(address: str, name: str) -> None:
    rendered = Rendered("x", "x", "x", name, address, address, "")
    message = read(build(rendered, Headers("<a@b>", SENT, address)))
    for header in ("From", "To", "Reply-To"):
        assert [one.addr_spec for one in message[header].addresses] == [address]


@pytest.mark.parametrize(
    "name",
    [
        "Acme, Inc.",
        'The "A" Team',
        "x <y@z.test>",
        "back\\slash",
        "Ümlaut",
        "Anna (Sales)",
        "a@b",
        "=?x?=",
        "日本" * 40,
    ],
)
def test_display_names_are_quoted_or_encoded(name: str) -> None:
    message = read(build(Rendered("x", "x", "x", name, "a@b.test", "", ""), HEADERS))
    (found,) = message["From"].addresses
    assert (without_spaces(found.display_name), found.addr_spec) == (without_spaces(name), "a@b.test")


@pytest.mark.parametrize(
    "subject", ["=?utf-8?q?x?=", "a =?utf-8?b?eA==?= b", "x" * 61, "ü", "", ("日本 " * 30).strip()]
)
def test_a_subject_comes_back_as_it_was(subject: str) -> None:
    message = read(build(Rendered(subject, "x", "x", "", "a@b.test", "", ""), HEADERS))
    assert message["Subject"] == subject


def test_an_identifier_without_end_stays_on_one_line() -> None:
    assert_well_formed(build(MAIL, Headers("i" * 2000, SENT, "a@b.test", "https://a.test/" + "u" * 2000, "f" * 2000)))


def test_the_whole_message_as_it_leaves() -> None:
    headers = Headers("<0192-abc@acme.test>", SENT, "alice@example.com", "https://acme.test/u/1", "loop:7:acme")
    message = read(build(Rendered("Grüße", "<p>ü</p>", "ü", "Acme", "hello@acme.test", "help@acme.test", ""), headers))
    assert message["Message-ID"] == "<0192-abc@acme.test>"
    assert message["Date"].datetime == SENT
    assert message["Subject"] == "Grüße"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["List-Unsubscribe"].strip() == "<https://acme.test/u/1>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Feedback-ID"] == "loop:7:acme"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in message.iter_parts()] == ["utf-8", "utf-8"]


def test_transactional_mail_has_no_list_headers() -> None:
    message = read(build(MAIL, HEADERS))
    assert "List-Unsubscribe" not in message
    assert "List-Unsubscribe-Post" not in message


def test_two_attempts_have_the_same_bytes_and_two_messages_other_boundaries() -> None:
    assert build(MAIL, HEADERS) == build(MAIL, HEADERS)
    other = build(MAIL, Headers("<other@acme.test>", SENT, "alice@example.com"))
    assert read(other).get_boundary() != read(build(MAIL, HEADERS)).get_boundary()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("alice@example.com", "alice@example.com"),
        (" Alice@EXAMPLE.com ", "Alice@example.com"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@localhost", "a@localhost"),
        ("", None),
        ("alice", None),
        ("@example.com", None),
        ("a@", None),
        ("a@b@c.test", None),
        ("a@b.test, c@d.test", None),
        ("Alice <a@b.test>", None),
        ("a..b@c.test", None),
        ("a@b..test", None),
        ("a@-b.test", None),
        ("a\r\nBcc: m@evil.test@b.test", None),
        ("a@b.test\nx", None),
        ("a" * 65 + "@b.test", None),
        ("a@" + "b" * 300 + ".test", None),
        ("a@\u2066b.test", None),
    ],
)
def test_an_address_is_read_strictly(text: str, address: str | None) -> None:
    assert mime.address(text) == address


def test_an_international_address_stays_readable_and_is_told_apart() -> None:
    data = build(MAIL, Headers("<a@b>", SENT, "jörg@bücher.example"))
    assert "To: jörg@xn--bcher-kva.example\r\n".encode() in data
    assert mime.needs_smtputf8("jörg@bücher.example")
    assert not mime.needs_smtputf8("a@bücher.example")
