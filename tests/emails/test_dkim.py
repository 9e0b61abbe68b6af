"""What we sign, an independent verifier believes; what was changed on the way, it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import dkim as verifier
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cocoonmail.emails.dkim import Key, sign
from cocoonmail.emails.dkimkeys import from_text, in_strings, new_ed25519, new_rsa, record_of, to_text
from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.render import Rendered

SENT = datetime(2026, 1, 8, 9, 30, 1, tzinfo=UTC)
RSA = Key("acme.test", "cm1r", new_rsa())
ED25519 = Key("acme.test", "cm1e", new_ed25519())
KEYS = [RSA, ED25519]
EACH = pytest.mark.parametrize("key", KEYS, ids=["rsa", "ed25519"])

MAIL = build(
    Rendered("Grüße", "<p>Hello</p>", "Hello", "Acme", "hello@acme.test", "help@acme.test", ""),
    Headers("<0192-abc@acme.test>", SENT, "ada@example.com", "https://acme.test/u/1", "7:3:1:cocoonmail"),
)
# Line ends, dots, folds, what looks like a header or a signature, and letters of all kinds.
NASTY = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "\n", "\r\n", "\n\n\n", "\t", " ", "  \n", ".", "\n.\n", "\n..\n", "\nFrom x", "é", "\U0001f389", "日",
                "x" * 300, "日" * 90, "DKIM-Signature: v=1", "b=;", "\x00", "\u2028", '"', "\\", "a,b", "<x@y>",
            ]
        ),
        st.text(max_size=20),
    ),
    max_size=12,
).map("".join)  # fmt: skip


def records(keys: Sequence[Key] = KEYS) -> dict[bytes, bytes]:
    return {f"{key.selector}._domainkey.{key.domain}.".encode(): record_of(key.private).encode() for key in keys}


def verified(data: bytes, count: int, dns: dict[bytes, bytes] | None = None) -> list[bool]:
    """What the verifier says of each signature."""
    known = records() if dns is None else dns

    def answer(name: bytes, timeout: float = 5) -> bytes | None:
        return known.get(name)

    return [_verified(data, index, answer) for index in range(count)]


def _verified(data: bytes, index: int, answer: Callable[..., Any]) -> bool:
    try:
        return bool(verifier.DKIM(data, minkey=1024).verify(idx=index, dnsfunc=answer))
    except verifier.DKIMException:
        return False


@settings(max_examples=300, deadline=None)
@given(subject=NASTY, name=NASTY, text=NASTY, html=NASTY, marketing=st.booleans(), feedback=NASTY)
@example(subject="", name="", text="", html="", marketing=False, feedback="")
@example(subject="x" * 900, name="é" * 200, text=".\n\n\n\n", html="\n.\n" * 50, marketing=True, feedback="a" * 990)
def test_whatever_we_write_both_signatures_of_it_verify(
    *, subject: str, name: str, text: str, html: str, marketing: bool, feedback: str
) -> None:
    rendered = Rendered(subject, html, text, name, "hello@acme.test", "help@acme.test" if marketing else "", "")
    url = "https://acme.test/u/" + "u" * len(subject) if marketing else ""
    data = build(rendered, Headers("<0192-abc@acme.test>", SENT, "ada@example.com", url, feedback))
    for keys in ([RSA], [ED25519], KEYS):
        assert verified(sign(data, keys, SENT) + data, len(keys)) == [True] * len(keys)


# Bytes that a writer other than ours could send through: any fold, names in any case, fields twice, bodies of any end.
FIELD = st.tuples(
    st.sampled_from(["From", "to", "SUBJECT", "Reply-To", "Date", "X-Other", "List-Unsubscribe", "Content-Type"]),
    st.lists(st.sampled_from(["a", "b  c", " ", "\t", "\r\n ", "\r\n\t d", ":", "=20", "é"]), max_size=8).map("".join),
).map(lambda parts: "{}: x{}".format(*parts).encode())
BODY = st.lists(st.sampled_from([b"\r\n", b" ", b"x", b".", b"\t", b"\r\n.\r\n", b"\r\n\r\n\r\n"]), max_size=10)


@settings(max_examples=200, deadline=None)
@given(fields=st.lists(FIELD, max_size=10), body=BODY.map(b"".join))
def test_messages_that_others_would_write_verify_too(fields: list[bytes], body: bytes) -> None:
    head = b"\r\n".join([b"From: a@acme.test", *(one for one in fields if not one.lower().startswith(b"from"))])
    data = head + b"\r\n\r\n" + body
    assert verified(sign(data, KEYS, SENT) + data, 2) == [True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject: ", b"Subject: Re: "),
        (b"To: ada@", b"To: eve@"),
        (b"hello@acme.test", b"evil@acme.test"),
        (b"/u/1", b"/u/2"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"help@acme.test", b"help@evil.test"),
        (b"7:3:1", b"7:3:2"),
        (b"Message-ID: <0192", b"Message-ID: <0193"),
        (b"09:30:01", b"09:30:02"),
        (b"auto-generated", b"no"),
        (b"; t=", b"; t=1"),
        (b"\r\n\r\n", b"\r\n\r\n\r\n"),
        (b"--\r\n", b"--\r\nmore\r\n"),
    ],
)
def test_what_is_changed_on_the_way_fails(old: bytes, new: bytes) -> None:
    signed = sign(MAIL, KEYS, SENT) + MAIL
    changed = signed.replace(old, new) if old != b"--\r\n" else signed[: -len(old)] + new
    assert verified(signed, 2) == [True, True]
    assert changed != signed
    assert verified(changed, 2) == [False, False]


@pytest.mark.parametrize("field", ["From", "To", "Subject", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
                                   "Content-Type", "MIME-Version"])  # fmt: skip
@pytest.mark.parametrize("data", [MAIL, b"From: a@acme.test\r\n\r\nHello\r\n"], ids=["there", "absent"])
def test_a_field_that_somebody_adds_on_the_way_fails_whether_or_not_we_wrote_one(field: str, data: bytes) -> None:
    signature = sign(data, KEYS, SENT)
    added = f"{field}: evil@evil.test\r\n".encode()
    assert verified(signature + added + data, 2) == [False, False]
    end = data.index(b"\r\n\r\n") + 2
    assert verified(signature + data[:end] + added + data[end:], 2) == [False, False]


def test_what_servers_do_to_fields_and_add_of_their_own_does_no_harm() -> None:
    signed = sign(MAIL, KEYS, SENT) + MAIL
    refolded = signed.replace(b"From: Acme <", b"FROM:   Acme\r\n\t<").replace(b"auto-generated", b"auto-generated  ")
    received = b"Received: from a by b; Thu, 8 Jan 2026 09:30:02 +0000\r\n"
    assert refolded != signed
    assert verified(received + refolded, 2) == [True, True]


def test_the_same_message_has_the_same_bytes_at_each_attempt() -> None:
    assert sign(MAIL, KEYS, SENT) == sign(MAIL, KEYS, SENT)


@EACH
def test_the_signature_names_what_it_covers_and_lets_nothing_be_appended(key: Key) -> None:
    field = re.sub(rb"\r\n ", b" ", sign(MAIL, [key], SENT)).decode()
    tags = dict(tag.strip().split("=", 1) for tag in field.partition(":")[2].split(";"))
    assert tags["c"] == "relaxed/simple"
    assert (tags["d"], tags["s"], tags["t"]) == (key.domain, key.selector, str(int(SENT.timestamp())))
    assert "l" not in tags
    names = tags["h"].replace(" ", "").split(":")
    once = {"date", "message-id", "auto-submitted", "feedback-id"}
    twice = {"from", "to", "subject", "reply-to", "mime-version", "content-type"}
    twice |= {"list-unsubscribe", "list-unsubscribe-post"}
    assert {name: names.count(name) for name in names} == {**dict.fromkeys(once, 1), **dict.fromkeys(twice, 2)}


@EACH
def test_a_signature_is_ascii_with_short_lines(key: Key) -> None:
    field = sign(MAIL, [key], SENT)
    assert field.isascii()
    assert field.endswith(b"\r\n")
    assert max(map(len, field.split(b"\r\n"))) <= 78


def test_a_signature_of_another_key_fails() -> None:
    other = Key(RSA.domain, RSA.selector, new_rsa())
    assert verified(sign(MAIL, [other], SENT) + MAIL, 1) == [False]


@EACH
def test_a_key_comes_back_from_its_text(key: Key) -> None:
    back = Key(key.domain, key.selector, from_text(to_text(key.private)))
    assert sign(MAIL, [back], SENT) == sign(MAIL, [key], SENT)


def test_a_key_of_another_kind_is_refused() -> None:
    text = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="RSA and Ed25519"):
        from_text(text)


def test_a_record_in_strings_is_the_record() -> None:
    record = record_of(RSA.private)
    strings = re.findall(r'"([^"]*)"', in_strings(record))
    assert "".join(strings) == record
    assert [len(one) <= 255 for one in strings] == [True, True]
    assert in_strings(record_of(ED25519.private)) == f'"{record_of(ED25519.private)}"'
