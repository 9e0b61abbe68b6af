"""docs/promises.md names each promise once, with tests that exist, or says plainly what is missing."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
MISSING = ("**Not built", "**Not proven", "**Not measured", "**Not run")
PROMISES = [f"{kind}{number}" for kind, numbers in (
    ("R", range(1, 17)), ("W", [*range(1, 6), *range(8, 13)]), ("S", [*range(1, 10), 11]), ("D", range(3, 6)),
) for number in numbers]  # fmt: skip

pytestmark = pytest.mark.one_database


def rows() -> list[tuple[str, str, str]]:
    """Each promise's number, words and proof."""
    return ROW.findall((ROOT / "docs/promises.md").read_text())


@cache
def functions_of(file: str) -> set[str]:
    """The test functions of a file."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def trouble(proof: str) -> list[str]:
    """What is wrong with a row's proof."""
    named = TEST.findall(proof)
    gone = [f"{file}::{name}" for file, name in named if not (ROOT / file).is_file() or name not in functions_of(file)]
    if proof.count("tests/") > proof.count("tests/known_bad.py") + len(named):
        gone.append("something that looks like a test and is none")
    return gone if named or proof.startswith(MISSING) else ["no test, and no word about it"]


def test_every_promise_has_its_row_and_none_has_two() -> None:
    assert [number for number, _, _ in rows()] == PROMISES


@pytest.mark.parametrize("number", PROMISES)
def test_a_promises_row_names_tests_that_exist_or_says_what_is_missing(number: str) -> None:
    words, proof = {name: (words, proof) for name, words, proof in rows()}[number]
    assert len(words) > 10
    assert trouble(proof) == []


@pytest.mark.parametrize(
    "proof",
    ["", "Trust us.", "`tests/test_gone.py::test_it`", "`tests/test_promises.py::test_gone`", "`tests/test_house.py`"],
)
def test_an_empty_row_and_a_test_that_is_gone_are_noticed(proof: str) -> None:
    assert trouble(proof)
