"""SASLprep (RFC 4013): user names and passwords as SCRAM hashes them, however a keyboard composed their letters."""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

# RFC 4013 §2.3. Code points that Unicode 3.2 did not know may stand in what a client says (RFC 3454 §7).
PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class Prohibited(ValueError):
    """This text has characters that SASLprep does not let through."""


def saslprep(text: str) -> str:
    """The text mapped and normalised (NFKC). Raises Prohibited, without the text."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(_mapped(character) for character in text)
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(prohibits(character) for character in prepared for prohibits in PROHIBITED) or not _one_way(prepared):
        raise Prohibited(Prohibited.__doc__)
    return prepared


def _mapped(character: str) -> str:
    """RFC 4013 §2.1: any space is a space, and what is commonly mapped to nothing is nothing."""
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _one_way(text: str) -> bool:
    """Whether letters written from the right stand alone, at both ends (RFC 3454 §6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends and not any(map(stringprep.in_table_d2, text))
