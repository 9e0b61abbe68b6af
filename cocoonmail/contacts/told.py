"""What `apply` takes and gives: a reading with where it came from, and what it led to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from cocoonmail.contacts.changes import Reading, Removal
from cocoonmail.contacts.models import Contact, Event


@dataclass(frozen=True, slots=True)
class Told:
    """One reading, and what its teller wants: whose it is, the event it triggers ("" = none), what new contacts get."""

    workspace_id: int
    endpoint_id: int
    delivery_id: int
    reading: Reading
    trigger: str
    source: str
    user_group: str
    removal: Removal

    @property
    def customer_key(self) -> CustomerKey | None:
        """Under which key the customer is remembered, None where the payload names none."""
        customer = self.reading.change.customer
        if customer is None:
            return None
        return CustomerKey(self.workspace_id, self.endpoint_id, customer.account, customer.livemode, customer.id)


class CustomerKey(NamedTuple):
    """A platform's customer, told apart by who told us of it: accounts and modes never mix (promise R16)."""

    workspace_id: int
    endpoint_id: int
    account: str
    livemode: bool
    external_id: str


class Found(Enum):
    """Whether a reading led to a person."""

    CONTACT = auto()
    NO_ADDRESS = auto()  # It names a person who has no email address
    STRANGER = auto()  # Nothing says yet who the customer is
    NOBODY = auto()  # The person was deleted at the platform, and here too


@dataclass(slots=True)
class Applied:
    """What one reading led to: the contact, the event if it was recorded just now, and what happened, in words."""

    found: Found
    contact: Contact | None = None
    event: Event | None = None
    words: list[str] = field(default_factory=list)
