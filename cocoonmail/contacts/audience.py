"""The contacts and customers that one batch speaks of: each loaded once, changed in memory, written together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from django.db import connection
from django.db.models import QuerySet

from cocoonmail.contacts.addresses import Address, NotAnAddress, parse
from cocoonmail.contacts.models import Contact, PlatformCustomer
from cocoonmail.contacts.removal import remove
from cocoonmail.contacts.told import CustomerKey, Told
from cocoonmail.kit.rows import insert_rows, update_rows

Row = TypeVar("Row", Contact, PlatformCustomer)

CONTACT_FIELDS = ["email", "email_key", "first_name", "last_name", "subscribed", "unsubscribed_at", "test", "synced"]
CUSTOMER_FIELDS = ["contact", "claims", "doubtful", "deleted_at", "removal", "conflict"]


class Audience:
    """An identity map over the batch's contacts and customers. Lives for one transaction."""

    def __init__(self, told: Sequence[Told], now: datetime) -> None:
        self.now = now
        self.arrivals: set[CustomerKey] = set()
        self._new_contacts: list[Contact] = []
        self._new_customers: list[PlatformCustomer] = []
        self._changed_contacts: dict[int, Contact] = {}
        self._changed_customers: dict[int, PlatformCustomer] = {}
        self._removed: list[Contact] = []
        self._customers = _load_customers(told)
        self._contacts = _load_contacts(told, self._customers.values())
        self._live = _contacts_with_live_customers(self._contacts.values())

    def customer(self, key: CustomerKey) -> PlatformCustomer | None:
        """The customer, if it was heard of before."""
        return self._customers.get(key)

    def introduce(self, key: CustomerKey) -> PlatformCustomer:
        """The customer, remembered from now on."""
        known = self._customers.get(key)
        if known is None:
            known = PlatformCustomer(**key._asdict(), created_at=self.now, updated_at=self.now)
            self._customers[key] = known
            self._new_customers.append(known)
        return known

    def contact(self, workspace_id: int, address: Address) -> Contact | None:
        """The contact with this address."""
        return self._contacts.get((workspace_id, address.key))

    def add(self, told: Told, address: Address) -> Contact:
        """A new contact, subscribed, with the endpoint's user group and source."""
        contact = Contact(
            workspace_id=told.workspace_id,
            email=address.email,
            email_key=address.key,
            user_group=told.user_group,
            source=told.source,
            test=not told.reading.facts.livemode,
            created_at=self.now,
            updated_at=self.now,
        )
        self._contacts[told.workspace_id, address.key] = contact
        self._new_contacts.append(contact)
        return contact

    def link(self, key: CustomerKey, customer: PlatformCustomer, contact: Contact) -> None:
        """Remember which contact a customer is."""
        if customer.contact is contact:
            return
        customer.contact = contact
        self.arrivals.add(key)
        self.changed(customer)
        if customer.livemode and contact.pk is not None:
            self._live.add(contact.pk)

    def move(self, contact: Contact, address: Address) -> None:
        """Give a contact another address; the caller has seen that nobody has it."""
        del self._contacts[contact.workspace_id, contact.email_key]
        contact.email, contact.email_key = address.email, address.key
        self._contacts[contact.workspace_id, address.key] = contact
        self.changed(contact)

    def changed(self, row: Contact | PlatformCustomer) -> None:
        """Write this row at the end."""
        row.updated_at = self.now
        if row.pk is None:
            return
        if isinstance(row, Contact):
            self._changed_contacts[row.pk] = row
        else:
            self._changed_customers[row.pk] = row

    def shields(self, contact: Contact, livemode: bool) -> bool:
        """Whether the contact is a live customer, which test mode may not change (promise R16)."""
        return not livemode and contact.pk in self._live

    def remove(self, contact: Contact) -> bool:
        """Delete a contact, unless another customer who still exists is the same person."""
        if self._has_customer_alive(contact):
            return False
        for customer in self._customers.values():
            if customer.contact is contact:
                customer.contact = None
                self.changed(customer)
        self._contacts.pop((contact.workspace_id, contact.email_key), None)
        self._removed.append(contact)
        return True

    def _has_customer_alive(self, contact: Contact) -> bool:
        here = [customer for customer in self._customers.values() if customer.contact is contact]
        if any(customer.deleted_at is None for customer in here):
            return True
        elsewhere = PlatformCustomer.objects.filter(contact_id=contact.pk, deleted_at=None)
        return contact.pk is not None and elsewhere.exclude(pk__in=[c.pk for c in here if c.pk]).exists()

    def is_removed(self, contact: Contact) -> bool:
        """Whether `remove` took this contact away."""
        return any(contact is removed for removed in self._removed)

    def save(self) -> None:
        """Write everything, inside the caller's transaction."""
        gone = {id(contact) for contact in self._removed}
        insert_rows([c for c in self._new_contacts if id(c) not in gone])
        _update(self._changed_contacts.values(), CONTACT_FIELDS)
        for customer in self._customers.values():
            if customer.contact is not None and customer.contact_id is None:
                customer.contact = customer.contact  # The id is known only since the contact was created.
        insert_rows(self._new_customers)
        _update(self._changed_customers.values(), CUSTOMER_FIELDS)
        remove(Contact.objects.filter(pk__in=[c.pk for c in self._removed if c.pk is not None]))


def _load_customers(told: Sequence[Told]) -> dict[CustomerKey, PlatformCustomer]:
    keys = {key for one in told if (key := one.customer_key) is not None}
    rows = PlatformCustomer.objects.filter(
        workspace_id__in={key.workspace_id for key in keys}, external_id__in={key.external_id for key in keys}
    )
    found = {_key(row): row for row in _locked(rows.select_related("contact"))}
    return {key: row for key, row in found.items() if key in keys}


def _key(row: PlatformCustomer) -> CustomerKey:
    return CustomerKey(row.workspace_id, row.endpoint_id, row.account, row.livemode, row.external_id)


def _load_contacts(told: Sequence[Told], customers: Iterable[PlatformCustomer]) -> dict[tuple[int, str], Contact]:
    """The contacts of the customers, and those that have one of the addresses named. One object for one contact."""
    keys = {key for one in told for key in _address_keys(one)}
    rows = Contact.objects.filter(workspace_id__in={one.workspace_id for one in told}, email_key__in=keys)
    contacts = {row.pk: row for row in _locked(rows)}
    for customer in customers:
        if customer.contact is not None:
            customer.contact = contacts.setdefault(customer.contact.pk, customer.contact)
    return {(row.workspace_id, row.email_key): row for row in contacts.values()}


def _address_keys(told: Told) -> Iterator[str]:
    change = told.reading.change
    told_before = [claim.value for claim in change.claims.values()][:1] if "email" in change.claims else []
    for text in {change.email, *told_before}:
        with suppress(NotAnAddress):
            yield parse(text).key


def _contacts_with_live_customers(contacts: Iterable[Contact]) -> set[int]:
    ids = [contact.pk for contact in contacts]
    live = PlatformCustomer.objects.filter(contact_id__in=ids, livemode=True)
    return set(live.values_list("contact_id", flat=True))


def _locked(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Keep other workers from changing these rows meanwhile; in one order, so that two do not block each other."""
    if connection.features.has_select_for_update:
        return rows.order_by("pk").select_for_update(of=("self",))
    return rows


def _update(rows: Collection[Row], fields: Sequence[str]) -> None:
    if rows:
        update_rows(list(rows), [*fields, "updated_at"])
