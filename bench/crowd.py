"""A workspace full of people, written by the database itself: contacts, ten events and one message each, deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from django.db import connection
from django.db.models import Model

from cocoonmail.contacts.models import Contact, Event, EventName
from cocoonmail.emails.models import EmailVersion, Message
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop

EVENTS_EACH = 10
NAMES = 5
GROUPS = 20
DAYS = 90  # Over which all that happened is spread, up to now
FACTS = '{"contact": {"firstName": "Ada"}, "event": {"amountPaidDisplay": "€24.00"}}'


def address(number: int) -> str:
    """The address of the n-th contact."""
    return f"person{number}@site{number % 5000}.example"


def grow(size: int) -> None:
    """Add contacts with their events, messages and deliveries until there are `size` of them."""
    there = Contact.objects.filter(source__startswith="Crowd").count()
    if there >= size:
        return
    with _in_bulk():
        Crowd(there + 1, size).write()


def pile_up(number: int) -> None:
    """So many webhooks that were taken in and wait to be processed."""
    with _in_bulk():
        Crowd(1, number).pile_up()


@contextmanager
def _in_bulk() -> Iterator[None]:
    """Around millions of new rows."""
    _check_no_foreign_keys(True)
    yield
    _check_no_foreign_keys(False)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # As its autovacuum does. SQLite knows as little of its tables as it does.


def _check_no_foreign_keys(trusted: bool) -> None:
    """Ten million rows are not looked up one by one: they come out of one formula."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET session_replication_role = {'replica' if trusted else 'origin'}")
        else:
            cursor.execute(f"PRAGMA foreign_keys = {'OFF' if trusted else 'ON'}")


@dataclass(frozen=True, slots=True)
class Crowd:
    """The contacts with the numbers from `first` to `last`, which are their ids too, less what came before."""

    first: int
    last: int

    def write(self) -> None:
        """Everything, in ascending order: then the indexes are written at their ends."""
        loop = Loop.objects.get()
        workspace, above = loop.workspace_id, _highest(Contact) - self.first + 1
        self._into(Contact, self.first, self.last, {
            "id": f"{above} + i", "workspace_id": workspace,
            "email": "'person' || i || '@site' || (i % 5000) || '.example'",
            "email_key": "'person' || i || '@site' || (i % 5000) || '.example'",
            "first_name": "'First' || (i % 1000)", "last_name": "'Last' || (i % 7919)",
            "user_group": f"'Group ' || (i % {GROUPS})",
            "source": "CASE i % 100 WHEN 0 THEN 'Crowd by hand' ELSE 'Crowd' END", "notes": "''",
            "subscribed": "i % 20 <> 0", "test": "i % 1000 = 0", "properties": _json('{"plan": "Pro"}'),
            "synced": _json("{}"), "created_at": self._moment(1), "updated_at": self._moment(1),
        })  # fmt: skip
        self._events(workspace, above)
        self._messages(loop, above)
        self._deliveries(workspace, above)

    def _events(self, workspace: int, above: int) -> None:
        names = _names(workspace)
        choice = " ".join(f"WHEN {number} THEN {pk}" for number, pk in enumerate(names))
        self._into(Event, self.first * EVENTS_EACH, self.last * EVENTS_EACH + EVENTS_EACH - 1, {
            "workspace_id": workspace, "name_id": f"CASE i % {NAMES} {choice} END",
            "contact_id": f"{above} + i / {EVENTS_EACH}", "key": f"'crowd:' || {_padded('i')}",
            "properties": _json('{"plan": "Pro", "amount": 2400}'), "test": "false",
            "occurred_at": self._moment(EVENTS_EACH), "recorded_at": self._moment(EVENTS_EACH),
        })  # fmt: skip

    def _messages(self, loop: Loop, above: int) -> None:
        version = EmailVersion.objects.get()
        self._into(Message, self.first, self.last, {
            "workspace_id": loop.workspace_id, "contact_id": f"{above} + i", "version_id": version.pk,
            "key": f"'crowd:' || {_padded('i')}", "loop_id": loop.pk, "step": "'email-1'", "kind": "'transactional'",
            "to_email": "'person' || i || '@site' || (i % 5000) || '.example'",
            "subject": "'Your invoice ' || i", "facts": _json(FACTS), "token": "'crowd' || i", "test": "false",
            "status": "CASE i % 100 WHEN 0 THEN 'skipped' ELSE 'sent' END", "reason": "''", "receipt": "'250 2.0.0 Ok'",
            "conversation": "''", "message_id": "'<crowd' || i || '@bench.test>'", "epoch": 2, "attempts": 1,
            "created_at": self._moment(1), "sent_at": self._moment(1),
        })  # fmt: skip

    def pile_up(self) -> None:
        """Deliveries that wait."""
        endpoint = Endpoint.objects.get()
        waiting = {"state": "'waiting'", "due_at": self._moment(1), "contact_id": "NULL", "processed_at": "NULL"}
        self._deliveries(endpoint.workspace_id, 0, waiting | {"epoch": 0, "attempts": 0, "result": "''"})

    def _deliveries(self, workspace: int, above: int, other: Mapping[str, object] = MappingProxyType({})) -> None:
        body = "'{}'" if connection.vendor == "postgresql" else "CAST('{}' AS BLOB)"
        self._into(Delivery, self.first, self.last, {
            "workspace_id": workspace, "endpoint_id": Endpoint.objects.get().pk, "account": "''", "livemode": "true",
            "external_id": f"'evt_crowd' || {_padded('i')}", "type": "'invoice.paid'", "api_version": "''",
            "occurred_at": self._moment(1), "body": body, "headers": _json("{}"), "clock_ahead": 0, "duplicates": 0,
            "differing": 0, "received_at": self._moment(1), "state": "'done'", "understood": "'Paid'",
            "result": "'contact created'", "trouble": "''", "customer_key": "''", "contact_id": f"{above} + i",
            "processed_at": self._moment(1), "epoch": 1, "attempts": 1, **other,
        })  # fmt: skip

    def _into(self, model: type[Model], first: int, last: int, values: dict[str, object]) -> None:
        """One INSERT of a row for each number `i`."""
        values = _constants(model) | values
        quote, table = connection.ops.quote_name, model._meta.db_table
        if connection.vendor == "postgresql":
            numbers = f"generate_series({first}::bigint, {last}::bigint) AS numbers(i)"
        else:
            numbers = (
                f"(WITH RECURSIVE up(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM up"  # noqa: S608 - our own numbers
                f" WHERE i < {last}) SELECT i FROM up)"
            )
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {quote(table)} ({', '.join(map(quote, values))}) "  # noqa: S608 - words of our own
                f"SELECT {', '.join(map(str, values.values()))} FROM {numbers}"
            )
            if connection.vendor == "postgresql" and "id" in values:
                highest = f"(SELECT max(id) FROM {quote(table)})"  # noqa: S608 - a name of our own
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {highest})")

    def _moment(self, each: int) -> str:
        """When the i-th of `each` rows for every contact happened, as the database has it."""
        begin = int(database_now().timestamp()) - DAYS * 86_400
        rows = (self.last - self.first + 1) * each
        seconds = f"{begin} + (i - {self.first * each}) * {DAYS * 86_400 / rows:.9f}"
        if connection.vendor == "postgresql":
            return f"to_timestamp({seconds})"
        return f"strftime('%Y-%m-%d %H:%M:%f', {seconds}, 'unixepoch')"


def _constants(model: type[Model]) -> dict[str, object]:
    """What a new row of the table has in columns that nobody gives a value, as SQL."""
    fields = [field for field in model._meta.concrete_fields if field.has_default() and not field.primary_key]
    return {
        field.column: f"'{value}'" if isinstance(value := field.get_default(), str) else str(value).lower()
        for field in fields
        if field.column and isinstance(field.get_default(), str | int)
    }


def _names(workspace: int) -> list[int]:
    """The ids of the names of events, made where they are missing."""
    now = database_now()
    made = [
        EventName.objects.get_or_create(workspace_id=workspace, name=f"crowd{number}", defaults={"created_at": now})
        for number in range(NAMES)
    ]
    return [name.pk for name, _ in made]


def _highest(model: type[Contact]) -> int:
    newest = model.objects.order_by("-pk").first()
    return newest.pk if newest else 0


def _json(text: str) -> str:
    return f"'{text}'::jsonb" if connection.vendor == "postgresql" else f"'{text}'"


def _padded(number: str) -> str:
    """A number as text that sorts as it does."""
    return f"lpad({number}::text, 9, '0')" if connection.vendor == "postgresql" else f"printf('%09d', {number})"
