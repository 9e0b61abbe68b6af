"""The strict reading of JSON: the same values as the standard library's, and nothing twice at the top."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cocoonmail.platforms.stripe.strictjson import BadJson, decode

pytestmark = pytest.mark.one_database

TEXTS = some.text(some.characters(codec=None, exclude_categories=[]))
DOCUMENTS = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**70), 2**70)
    | some.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inside: some.lists(inside, max_size=4) | some.dictionaries(TEXTS, inside, max_size=4),
)


@given(DOCUMENTS, some.sampled_from([None, 2]), some.booleans())
def test_every_document_is_decoded_as_the_standard_library_does(document: Any, indent: int | None, ascii: bool) -> None:
    try:
        content = json.dumps(document, indent=indent, ensure_ascii=ascii).encode()
    except UnicodeEncodeError:  # A lone surrogate can travel as an escape only.
        content = json.dumps(document, indent=indent).encode()

    assert decode(content) == json.loads(content)


@given(some.lists(some.tuples(some.text(max_size=3), some.integers(0, 99)), max_size=6), some.booleans())
def test_a_double_at_the_top_is_found_however_it_is_written(members: list[tuple[str, int]], ascii: bool) -> None:
    written = ", ".join(f"{json.dumps(key, ensure_ascii=ascii)} : {value}" for key, value in members)
    content = f"{{ {written} }}".encode()

    if len({key for key, _ in members}) < len(members):
        with pytest.raises(BadJson) as refused:
            decode(content)
        assert refused.value.code == "duplicate_key"
    else:
        assert decode(content) == dict(members)
