"""Amounts of bytes are told in the unit that fits."""

from __future__ import annotations

import pytest

from cocoonmail.kit.amounts import amount

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (45_120, "45.1 kB"),
        (2_000_000, "2.0 MB"),
        (1_204_000_000_000, "1,204.0 GB"),
    ],
)
def test_an_amount_is_told_in_the_unit_that_fits(size: int, words: str) -> None:
    assert amount(size) == words
