"""What another system told us about a person, as plain values: the words that platforms and contacts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypeAlias

# What an event property may hold. Dates travel as ISO 8601 strings (UTC), amounts as smallest-unit integers beside
# a decimal string and a display string.
Scalar: TypeAlias = str | int | float | bool | None
Properties: TypeAlias = Mapping[str, Scalar | Sequence[Mapping[str, Scalar]]]


class Rank(IntEnum):
    """Which of two payloads of the same second tells the later story, where nothing else decides it."""

    COPY = 0  # A copy of the person's data inside another object, such as an invoice
    CREATED = 1
    UPDATED = 2
    DELETED = 3


class Removal(StrEnum):
    """What happens to the contact when its customer is deleted at the platform."""

    KEEP = "keep"
    UNSUBSCRIBE = "unsubscribe"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Claim:
    """One field's value as one payload states it, and what that payload says the value was before.

    `previous` is None where the payload does not say that this field changed; it is "" where the field was empty.
    """

    value: str
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """The platform's own name for a person: `id` (cus_…) within one connected `account` ("" = the main one)."""

    id: str
    account: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What a payload says about one person.

    `email` is where to find the person when the customer id is unknown: as written, not normalised, "" for none.
    `claims` are the values to sync, by contact field: `email`, `first_name`, `last_name`. Empty values are left out,
    for an empty value never overwrites a known one. `at` is the moment the claims were true at the platform, in
    whole seconds since 1970; together with `rank` and `event_id` it decides which of two claims is newer.
    """

    customer: Customer | None
    email: str
    claims: Mapping[str, Claim]
    at: int
    rank: Rank
    event_id: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to the person, before it has one of our event names.

    `key` names the happening itself, so that two payloads about the same one count once (Stripe can send two Event
    objects for one change). `noise` is true when nothing that people care about changed.
    """

    key: str
    properties: Properties
    occurred_at: datetime
    noise: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What an endpoint's conditions can ask about a payload. Amounts are in the currency's smallest unit."""

    livemode: bool
    products: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict)
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a platform's payload means: a contact change, a happening, and both in words for the delivery's page."""

    change: ContactChange
    happening: Happening
    facts: Facts
    understood: str

    def without_names(self) -> Reading:
        """The same reading with no first or last name to sync."""
        claims = {name: claim for name, claim in self.change.claims.items() if name == "email"}
        return replace(self, change=replace(self.change, claims=claims))


class Unreadable(ValueError):
    """The payload does not have the shape that its type promises. The message says what was expected where."""
