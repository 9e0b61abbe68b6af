"""What a signed body announces, and which bodies are refused before anything in them is interpreted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocoonmail.platforms.base import Announcement, Rejected
from cocoonmail.platforms.stripe.announce import ID_MAX, TYPE_MAX, announce
from cocoonmail.platforms.stripe.strictjson import DEPTH_MAX, NODES_MAX
from tests.platforms.reference import SHARED, event, needs_shared, recorded

EVENT = {
    "id": "evt_1RsTuVwXyZ",
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1_790_000_000,
    "data": {"object": {"id": "cus_1", "object": "customer", "email": "ada@example.com", "name": "Ada"}},
    "livemode": True,
    "pending_webhooks": 1,
    "request": {"id": None, "idempotency_key": None},
    "type": "customer.created",
}


def written(**changes: Any) -> bytes:
    """The event with changes; a change to ... leaves the key out."""
    told = {key: value for key, value in (EVENT | changes).items() if value is not ...}
    return json.dumps(told, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")


def named(name: str) -> bytes:
    """The event with a customer whose name is this JSON text."""
    return written().replace(b'"Ada"', name.encode())


def code(body: bytes) -> str:
    """The code of the refusal, "" for an announcement."""
    found = announce(body)
    return found.code if isinstance(found, Rejected) else ""


def test_an_event_is_announced_with_what_decides_where_it_goes() -> None:
    said = Announcement("evt_1RsTuVwXyZ", "customer.created", 1_790_000_000, True, "", "2026-10-28.endive")
    assert announce(written()) == said


def test_the_account_of_a_connected_event_is_announced() -> None:
    said = announce(written(account="acct_1Connected"))
    assert isinstance(said, Announcement)
    assert said.account == "acct_1Connected"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"123", b"true", b"{}x", b" ", b"[1,2]"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert code(body) in ("not_an_event", "invalid_json")


NOT_JSON = {
    "trailing garbage": written() + b"x",
    "two documents": written() + written(),
    "single quotes": written().replace(b'"', b"'"),
    "a comment": b"// hello\n" + written(),
    "a comma too many": written().replace(b'"Ada"', b'"Ada",'),
    "a raw line break in a text": written().replace(b"Ada", b"A\nda"),
    "cut off": written()[:-3],
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_one_json_document_is_refused(body: bytes) -> None:
    assert code(body) == "invalid_json"


def test_a_byte_order_mark_before_the_event_is_passed_over() -> None:
    assert code(b"\xef\xbb\xbf" + written()) == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-16-be"])
def test_other_encodings_than_utf_8_are_refused(encoding: str) -> None:
    assert code(written().decode().encode(encoding)) in ("invalid_json", "invalid_utf8")


@pytest.mark.parametrize("bytes_", [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80"])
def test_a_text_that_is_not_utf_8_is_refused(bytes_: bytes) -> None:
    assert code(written().replace(b"Ada", bytes_)) == "invalid_utf8"


@pytest.mark.parametrize("name", [r'"\u0000"', r'"\ud800"', r'"\udc00x"', r'"\ud83d\ude00"', '"😀"'])
def test_texts_that_databases_dislike_are_legal_json_and_taken(name: str) -> None:
    assert code(named(name)) == ""


@pytest.mark.parametrize("depth", [DEPTH_MAX - 2, 1_001, 100_000])  # The name stands at the fourth level
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_too_deep_nesting_is_refused(depth: int, opened: str, closed: str) -> None:
    inner = "1" if closed == "}" else ""
    assert code(named(opened * depth + inner + closed * depth)) == "too_deep"


def test_nesting_that_is_never_closed_is_refused() -> None:
    assert code(b"[" * 100_000) in ("too_deep", "invalid_json")


def test_nesting_as_deep_as_the_limit_is_taken() -> None:
    # The name stands at the fourth level.
    assert code(named("[" * (DEPTH_MAX - 3) + "]" * (DEPTH_MAX - 3))) == ""


def test_marks_of_nesting_inside_texts_are_no_nesting() -> None:
    assert code(named(json.dumps("[{" * 5_000))) == ""


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" * 5_000])
def test_numbers_that_json_or_a_computer_cannot_hold_are_refused(number: str) -> None:
    assert code(named(number)) in ("invalid_number", "invalid_json")


@pytest.mark.parametrize("number", ["0.1", "1e3", "-0", str(2**63), str(-(2**64)), "1" * 400, "1e-999"])
def test_other_numbers_are_taken(number: str) -> None:
    assert code(named(number)) == ""


@pytest.mark.parametrize("key", ["id", "type", "data", "livemode", "account"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    again = json.dumps({key: EVENT.get(key, "acct_1")})[1:-1].encode()
    twice = written(account="acct_1").replace(b"{", b"{" + again + b",", 1)
    assert code(twice) == "duplicate_key"


def test_a_key_that_stands_twice_is_refused_also_when_written_differently() -> None:
    twice = written().replace(b'"type":', rb'"typ\u0065": "customer.deleted", "type":')
    assert code(twice) == "duplicate_key"


def test_keys_may_be_written_with_escapes_and_blanks() -> None:
    assert code(written().replace(b'"type":', rb'"typ\u0065"   :')) == ""


def test_too_many_values_are_refused() -> None:
    assert code(named("[" + "1," * NODES_MAX + "1]")) == "too_many_values"
    members = ",".join(f'"{n}":1' for n in range(NODES_MAX))
    assert code(named("{" + members + "}")) == "too_many_values"


def test_a_large_text_is_not_many_values() -> None:
    assert code(named(json.dumps("x," * NODES_MAX))) == ""


@pytest.mark.parametrize(
    "id", [..., None, 5, "", "evt_", "cus_1", f"evt_{'1' * ID_MAX}", "evt_1\n", "evt_ 1", "evt_é", ["evt_1"], " evt_1"]
)
def test_an_id_is_refused_that_is_not_stripes(id: Any) -> None:
    assert code(written(id=id)) == "invalid_id"


@pytest.mark.parametrize("type", [..., None, 5, "", "a" * (TYPE_MAX + 1), "a" * 1024, "a b", "customer.created\n", {}])
def test_a_type_is_refused_that_is_not_stripes(type: Any) -> None:
    assert code(written(type=type)) == "invalid_type"


@pytest.mark.parametrize("created", [..., None, "1790000000", -1, 253_402_300_799, 1.5, True, 10**30, []])
def test_a_time_is_refused_that_is_no_time(created: Any) -> None:
    assert code(written(created=created)) == "invalid_created"


@pytest.mark.parametrize("livemode", [None, 0, 1, "false", []])
def test_a_mode_is_refused_that_is_neither_true_nor_false(livemode: Any) -> None:
    assert code(written(livemode=livemode)) == "invalid_livemode"


@pytest.mark.parametrize("account", [5, ["acct_1"], "acct 1", "acct_1\n", "a" * 256, {"id": "acct_1"}])
def test_an_account_is_refused_that_is_no_id(account: Any) -> None:
    assert code(written(account=account)) == "invalid_account"


@pytest.mark.parametrize("object", [None, 1, "customer", "list", "v2.core.account"])
def test_an_object_is_refused_that_is_no_event(object: Any) -> None:
    assert code(written(object=object)) == "not_an_event"


@pytest.mark.parametrize("version", [None, ..., "2015-10-16", "2027-03-31.foxglove", "a\nb", 7])
def test_any_api_version_is_taken_also_none(version: Any) -> None:
    said = announce(written(api_version=version))
    assert isinstance(said, Announcement)
    assert said.api_version.isprintable()


def test_a_thin_event_is_announced_as_thin() -> None:
    thin = {
        "id": "evt_test_65Thin",
        "object": "v2.core.event",
        "type": "v1.customer.created",
        "created": "2026-10-30T12:00:00.000Z",
        "livemode": False,
        "related_object": {"id": "cus_1", "type": "customer", "url": "/v1/customers/cus_1"},
    }
    said = announce(json.dumps(thin).encode())
    assert said == Announcement("evt_test_65Thin", "v1.customer.created", 1_793_361_600, False, "", "", thin=True)


@pytest.mark.parametrize("created", ["yesterday", "", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None, "1e9"])
def test_a_thin_events_time_is_refused_that_is_no_time(created: Any) -> None:
    assert code(written(object="v2.core.event", created=created)) == "invalid_created"


def test_every_refusal_is_a_sentence_without_the_bodys_content() -> None:
    found = announce(written(id="<script>alert(1)</script>"))
    assert isinstance(found, Rejected)
    assert found.message.endswith(".")
    assert "script" not in found.message


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_body_crashes_it(body: bytes) -> None:
    assert isinstance(announce(body), (Announcement, Rejected))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*EVENT, "account", "context"]), JSON, max_size=5))
def test_no_event_with_odd_values_crashes_it(changes: dict[str, Any]) -> None:
    body = json.dumps(EVENT | changes).encode()
    assert isinstance(announce(body), (Announcement, Rejected))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damaged_body_crashes_it(data: st.DataObject) -> None:
    body = bytearray(written())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(announce(bytes(body)), (Announcement, Rejected))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=6), JSON.filter(lambda value: "NaN" not in repr(value)), max_size=5))
def test_an_object_without_double_keys_is_never_called_one_with(members: dict[str, Any]) -> None:
    for ascii_only in (True, False):
        body = json.dumps(EVENT | members, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert code(body) != "duplicate_key"


@needs_shared
@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
def test_a_recorded_event_is_announced(path: Path) -> None:
    found = announce(json.dumps(event(path), indent=2, ensure_ascii=False).encode())
    assert isinstance(found, Announcement)
    assert path.name.startswith(f"{found.type}--")


@needs_shared
def test_recorded_thin_events_are_announced_as_thin() -> None:
    found = [announce(path.read_bytes()) for path in sorted((SHARED / "thin").glob("v*.json"))]
    assert found
    assert all(isinstance(one, Announcement) and one.thin for one in found)
