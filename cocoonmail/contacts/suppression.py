"""Addresses to which all mail was stopped, marketing and transactional: asked last of all (promise S6)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.kit.rows import read_where

NOTE_MAX = 500  # Characters
WEIGHT = list(Suppression.Reason)

Key = tuple[int, str]  # A workspace's id and an address in its normalised form


def suppressed(
    workspace_ids: Collection[int], email_keys: Collection[str], *, lock: bool = False
) -> dict[Key, Suppression.Reason]:
    """Why mail was stopped, for those of these addresses to which it was. One query.

    With `lock`, inside a transaction, no address can be stopped until that ends: what `suppress` has committed is seen
    here, and whatever it stops later is stopped after this transaction's end.
    """
    addresses: dict[str, Collection[object]] = {"workspace": set(workspace_ids), "email_key": set(email_keys)}
    found = read_where(Suppression, ["workspace", "email_key", "reason"], addresses, share=lock)
    return {(workspace, key): Suppression.Reason(reason) for workspace, key, reason in found}


def suppression_of(contact: Contact) -> Suppression | None:
    """Why and since when mail to the contact's address is stopped; None where it is not."""
    return Suppression.objects.filter(workspace_id=contact.workspace_id, email_key=contact.email_key).first()


def stopped(contacts: QuerySet[Contact], workspace_id: int, *, yes: bool) -> QuerySet[Contact]:
    """Those of these contacts of a workspace to whose address mail was stopped, or was not."""
    stops = Suppression.objects.filter(workspace_id=workspace_id)
    if yes:
        return contacts.filter(email_key__in=stops.values("email_key"))  # From the few stops to their contacts
    return contacts.filter(~Exists(stops.filter(email_key=OuterRef("email_key"))))


def suppress(
    workspace_id: int, email_key: str, reason: Suppression.Reason, now: datetime, note: str = ""
) -> Suppression:
    """Stop all mail to an address; once this is committed, no final dot to it follows.

    Twice is the same as once, in every order: the heaviest reason is kept, and the earliest moment. Call it before
    anything else in a transaction that locks contacts or messages too, for it waits for marks that hold those.
    """
    with transaction.atomic():
        _wait_for_marks()
        told = {"reason": reason, "note": note[:NOTE_MAX], "created_at": now}
        kept, new = Suppression.objects.get_or_create(workspace_id=workspace_id, email_key=email_key, defaults=told)
        if not new:
            _weigh(kept, Suppression(workspace_id=workspace_id, email_key=email_key, **told))
    return kept


def _weigh(kept: Suppression, other: Suppression) -> None:
    """Keep the heavier of two reasons, and the earlier moment."""
    if WEIGHT.index(Suppression.Reason(other.reason)) > WEIGHT.index(Suppression.Reason(kept.reason)):
        kept.reason, kept.note = other.reason, other.note
    kept.created_at = min(kept.created_at, other.created_at)
    kept.save(update_fields=["reason", "note", "created_at"])


def unsuppress(workspace_id: int, email_key: str) -> bool:
    """Let mail go to the address again. Returns whether it had been stopped."""
    return bool(Suppression.objects.filter(workspace_id=workspace_id, email_key=email_key).delete()[0])


def _wait_for_marks() -> None:
    """Let transactions end that have read with `lock`, and let no new one read until this one ends.

    A row that is not there cannot be locked, so it is the table that is: EXCLUSIVE stands against the ROW SHARE that
    every FOR SHARE takes, and leaves plain reading alone. On SQLite the transaction is the only writer anyway.
    """
    if connection.features.has_select_for_update:
        with connection.cursor() as cursor:
            table = connection.ops.quote_name(Suppression._meta.db_table)
            cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
