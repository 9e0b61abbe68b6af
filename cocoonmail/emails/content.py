"""What an email is made of, as plain values: the draft a person writes, the problems in it, what it compiles to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Format(StrEnum):
    """The language in which a draft's body is written."""

    MJML = "mjml"
    MARKDOWN = "markdown"


class Kind(StrEnum):
    """Why the email may be sent. Marketing carries an address and a way out; transactional answers a person's act."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@dataclass(frozen=True, slots=True)
class Draft:
    """An email as a person writes it. Every text field may hold Liquid; `body` is in the language `format` names."""

    subject: str
    preview: str
    body: str
    format: Format
    kind: Kind
    from_name: str = ""
    from_email: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a draft's field that a person should change. `line` and `column` count from 1, None if unknown.

    A warning does not keep the draft from being published; every other problem does.
    """

    field: str
    message: str
    line: int | None = None
    column: int | None = None
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """A published email. Every text field is Liquid source: `html` a whole document, `text` its plain form."""

    subject: str
    preview: str
    html: str
    text: str
    from_name: str
    from_email: str
    reply_to: str
    kind: Kind

    def to_json(self) -> dict[str, str]:
        """The same as a flat dict of strings, for a JSON column."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Compiled:
        """The email that `to_json` stored. A field that is not there raises KeyError."""
        words = {name: stored[name] for name in cls.__dataclass_fields__}
        return cls(**{**words, "kind": Kind(words["kind"])})
