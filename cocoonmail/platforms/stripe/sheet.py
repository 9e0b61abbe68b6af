"""The properties that an event carries into emails, gathered one by one; what is absent is left out, never null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cocoonmail.contacts.changes import Properties, Scalar
from cocoonmail.platforms.stripe import money

METADATA_MAX = 50  # Entries, as many as Stripe allows: https://docs.stripe.com/metadata
ROWS_MAX = 50  # Line items that are carried into emails


class Sheet:
    """Properties in the making, in one currency and one language."""

    def __init__(self, currency: str, language: str = "") -> None:
        self.currency = money.code_of(currency)
        self.language = language or money.DEFAULT_LOCALE
        self.properties: dict[str, Scalar | Sequence[Mapping[str, Scalar]]] = {}

    def text(self, name: str, value: str) -> None:
        """A text, left out when empty."""
        if value:
            self.properties[name] = value

    def number(self, name: str, value: int | None) -> None:
        """A whole number, left out when not told."""
        if value is not None:
            self.properties[name] = value

    def flag(self, name: str, value: bool | None) -> None:
        """True or false, left out when not told."""
        if value is not None:
            self.properties[name] = value

    def money(self, name: str, amount: int | None) -> None:
        """An amount three ways: in the smallest unit, as a decimal number, and as people write it."""
        if amount is not None:
            self.properties.update(priced(name, amount, self.currency, self.language))

    def moment(self, name: str, seconds: int | None) -> None:
        """A time two ways: as ISO 8601 in UTC, and the day in words."""
        if seconds is not None:
            self.properties[name] = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.properties[f"{name}Display"] = money.day(seconds, self.language)

    def rows(self, name: str, rows: Sequence[Mapping[str, Scalar]]) -> None:
        """A list of flat objects, left out when empty."""
        if rows:
            self.properties[name] = rows[:ROWS_MAX]

    def metadata(self, values: Mapping[str, str]) -> None:
        """Metadata as a list, so that its keys cannot stand in for properties."""
        self.rows("metadata", [{"key": key, "value": value} for key, value in values.items()][:METADATA_MAX])

    def finished(self) -> Properties:
        """All that was gathered."""
        return self.properties


def priced(name: str, amount: int, currency: str, language: str) -> dict[str, Scalar]:
    """The three properties of one amount."""
    return {
        name: amount,
        f"{name}Decimal": money.plain(amount, currency),
        f"{name}Display": money.display(amount, currency, language),
    }
