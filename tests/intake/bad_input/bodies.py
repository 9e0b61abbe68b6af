"""B15-B32: bodies that are no events, no JSON, too much, or strangely packed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence

from cocoonmail.intake.door import BODY_MAX
from tests.intake.bad_input.row import Case, Row, Send, posts, refused, taken
from tests.intake.bad_input.slow import SLOW
from tests.intake.desk import EVENT, Desk, sealed
from tests.kit.rawhttp import Response, post, pour, read_all, responses
from tests.shop import event

BOM = b"\xef\xbb\xbf"
TEXT = EVENT.decode()


KEYS = ",".join(f'"{number:x}":1' for number in range(100_001))
TYPES = ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ";;=")


def with_object(**changes: object) -> bytes:
    """A customer.created whose object has these members, written as JSON does: with escapes."""
    made = event("customer.created", "ada@example.com")
    made["data"]["object"].update(changes)
    return json.dumps(made).encode()


def with_member(text: str) -> bytes:
    """The event with one more member, as it is written here."""
    return ("{" + text + "," + TEXT[1:]).encode()


def padded(size: int) -> bytes:
    """The event, blanks added up to this size."""
    return EVENT + b" " * (size - len(EVENT))


def nested(depth: int) -> bytes:
    return with_member('"more": ' + "[" * depth + "]" * depth)


def nul_is_out_of_the_texts(desk: Desk) -> None:
    [contact], [delivery], [seen] = desk.contacts, desk.deliveries, desk.events
    assert (contact.email, contact.first_name, contact.last_name) == ("ada@example.com", "Ada", "Lovelace")
    assert rb"\u0000" in bytes(delivery.body)
    assert "\0" not in json.dumps(seen.properties, ensure_ascii=False)


def surrogate_is_replaced(desk: Desk) -> None:
    [contact] = desk.contacts
    assert contact.first_name == "Ad\N{REPLACEMENT CHARACTER}a"
    assert rb"\ud800" in bytes(desk.deliveries[0].body)


def chunks(desk: Desk, raw: bytes, size: int) -> bytes:
    """The signed request, its body in chunks."""
    head = post(b"", desk.endpoint.path, f"Stripe-Signature: {sealed(raw)}", "Transfer-Encoding: chunked")
    parts = [raw[start : start + size] for start in range(0, len(raw), size)]
    return head.replace(b"Content-Length: 0\r\n", b"") + b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b"")
    )


def in_chunks(raw: bytes, size: int) -> Send:
    return lambda desk: desk.at.ask(chunks(desk, raw, size))


def without_an_end(desk: Desk) -> Sequence[Response]:
    client = desk.at.connect(chunks(desk, EVENT, 1000).removesuffix(b"0\r\n\r\n"))
    with client:
        sent = pour(client, b"10000\r\n" + b" " * 0x10000 + b"\r\n", 256 * BODY_MAX)
        assert sent < 64 * BODY_MAX
        return responses(read_all(client))


def announced(length: int) -> Send:
    """A Content-Length, and no body to go with it: the answer comes from the announcement alone."""
    return lambda desk: desk.at.ask(desk.request(EVENT, length=length))


def packed(what: str, encoding: str, raw: bytes) -> Case:
    return Case(what, posts(raw, f"Content-Encoding: {encoding}"), 415, "without Content-Encoding", "encoded_body")


def typed(*header: str) -> Case:
    return taken(" ".join(header) or "missing", EVENT, *header)


BODIES = [
    Row(
        "B15",
        "what is no event object is refused though it was signed",
        [
            *[refused(text, text.encode(), "not_an_event") for text in ("null", "[]", '"x"', "123", "true", "[{}]")],
            refused("empty", b"", "invalid_json"),
            refused("another object", b'{"object": "customer", "id": "evt_1"}', "not_an_event"),
        ],
    ),
    Row(
        "B16",
        "what is not one JSON document is refused",
        [
            refused(what, raw, "invalid_json")
            for what, raw in {
                "cut short": EVENT[:-1],
                "trailing garbage": EVENT + b"x",
                "two documents": EVENT + EVENT,
                "single quotes": b"{'id': 'evt_1'}",
                "comments": b"/* hi */" + EVENT,
                "a comma too many": with_member('"a": [1,]'),
                "a form": b"id=evt_1&type=customer.created",
            }.items()
        ],
    ),
    Row("B17", "a byte order mark is passed over", [taken("BOM", BOM + EVENT, state="done")]),
    Row(
        "B18",
        "only UTF-8 is read, whatever the header says",
        [
            refused("UTF-16", TEXT.encode("utf-16"), "invalid_utf8"),
            refused("UTF-16 without a mark", TEXT.encode("utf-16-le"), "invalid_json"),
            refused("UTF-32", TEXT.encode("utf-32"), "invalid_utf8"),
            taken("called UTF-7", EVENT, "Content-Type: application/json; charset=utf-7", state="done"),
            taken("called UTF-16", EVENT, "Content-Type: application/json; charset=utf-16", state="done"),
        ],
    ),
    Row(
        "B19",
        "invalid UTF-8 inside a text is refused",
        [
            refused("0xff", EVENT.replace(b"Ada", b"A\xffa"), "invalid_utf8"),
            refused("overlong", EVENT.replace(b"Ada", b"A\xc0\xafa"), "invalid_utf8"),
            refused("a raw surrogate", EVENT.replace(b"Ada", b"A\xed\xa0\x80a"), "invalid_utf8"),
        ],
    ),
    Row(
        "B20",
        "NUL is stripped from texts and kept in the raw body",
        [
            taken(
                "in email, name and metadata",
                with_object(email="ada\0@example.com", name="Ad\0a Lovelace\0", metadata={"pl\0an": "\0pro"}),
                state="done",
                after=nul_is_out_of_the_texts,
            ),
            taken("in the description", with_object(description="\0" * 400), state="done"),
            refused("raw", EVENT.replace(b"Ada", b"A\0a"), "invalid_json"),
            refused("in the id", EVENT.replace(b'"evt_', rb'"evt_\u0000'), "invalid_id"),
        ],
    ),
    Row(
        "B21",
        "a lone surrogate becomes a replacement character",
        [
            taken("in the name", with_object(name="Ad\ud800a Lovelace"), state="done", after=surrogate_is_replaced),
            taken("in metadata", with_object(metadata={"a\udfff": "\ud800"}), state="done"),
            refused("in the id", EVENT.replace(b'"evt_', rb'"evt_\ud800'), "invalid_id"),
        ],
    ),
    Row(
        "B22",
        "nesting deeper than 64 levels is refused",
        [
            taken("63 within the object", nested(63)),
            *[refused(f"{depth:,}", nested(depth), "too_deep", "deeper than 64") for depth in (64, 1001, 100_000)],
            refused("100,000 objects", with_member('"a":' + '{"a":' * 100_000 + "1" + "}" * 100_000), "too_deep"),
            refused("100,000 never closed", b"[" * 100_000, "too_deep"),
        ],
    ),
    Row(
        "B23",
        "numbers that JSON cannot hold are refused",
        [
            refused(text[:9], with_member(f'"pending": {text}'), code)
            for text, code in {
                "9" * 5000: "invalid_number",
                "1e999": "invalid_number",
                "-1e999": "invalid_number",
                "NaN": "invalid_number",
                "Infinity": "invalid_number",
                "-Infinity": "invalid_number",
                "0x10": "invalid_json",
                "01": "invalid_json",
            }.items()
        ],
    ),
    Row(
        "B24",
        "a key that stands twice at the top is refused",
        [
            refused("id", with_member('"id": "evt_other"'), "duplicate_key", "same key twice"),
            refused("escaped", with_member(r'"\u0069d": "evt_other"'), "duplicate_key"),
            refused("type", with_member('"type": "invoice.paid"'), "duplicate_key"),
            taken("further down", with_member('"more": {"a": 1, "a": 2}'), state="done"),
        ],
    ),
    Row(
        "B25",
        "a body with very many values is refused",
        [
            refused("300,000 values", with_member('"a": [' + "1," * 300_000 + "1]"), "too_many_values"),
            refused("100,000 keys", with_member(KEYS), "too_many_values", "100,000"),
            Case("14 MB", posts(b"{" + b'"a":1,' * 2_300_000 + b"}"), 413, "1024 KiB", "body_too_large"),
        ],
    ),
    Row(
        "B26",
        "a body of exactly 1 MiB is taken, one byte more is not",
        [
            taken("1 MiB", padded(BODY_MAX)),
            Case("1 MiB in chunks", in_chunks(padded(BODY_MAX), 9999), stored=1),
            Case("one more", posts(padded(BODY_MAX + 1)), 413, noted="body_too_large"),
            Case("one more in chunks", in_chunks(padded(BODY_MAX + 1), 9999), 413, noted="body_too_large"),
            Case("one more, announced alone", announced(BODY_MAX + 1), 413, noted="body_too_large"),
            Case("10^18, announced alone", announced(10**18), 413, noted="body_too_large"),
        ],
    ),
    Row(
        "B27",
        "chunked bodies are measured while they are read",
        [
            Case("small", in_chunks(EVENT, 100), stored=1, state="done"),
            Case("byte by byte", in_chunks(EVENT, 1), stored=1, state="done"),
            Case("endless", without_an_end, 413, noted="body_too_large"),
        ],
    ),
    *SLOW,
    Row(
        "B31",
        "packed bodies are refused unopened",
        [
            packed("gzip", "gzip", gzip.compress(EVENT)),
            packed("not even gzip", "GZIP", EVENT),
            packed("a bomb", "gzip", gzip.compress(bytes(50_000_000))),
            packed("deflate", "deflate", zlib.compress(EVENT)),
            packed("brotli", "br", EVENT),
            packed("twice", "gzip, identity", gzip.compress(EVENT)),
            taken("identity", EVENT, "Content-Encoding: identity"),
        ],
    ),
    Row(
        "B32",
        "the Content-Type is passed over",
        [
            typed(),
            *[typed(f"Content-Type: {kind}") for kind in TYPES],
        ],
    ),
]
