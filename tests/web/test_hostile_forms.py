"""Promise D5: whatever is sent to a page, in its address or its form, the answer is no 5xx.

COCOONMAIL_TEST_FUZZ sets how many requests there are, COCOONMAIL_TEST_SEED repeats a run.
"""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.deeds import loop_of
from tests.people import Person
from tests.web.test_access import BOTH, CHANGE, LOOK, OWN, PUBLIC, Acme, acme

pytestmark = pytest.mark.django_db

REQUESTS = int(os.environ.get("COCOONMAIL_TEST_FUZZ", "200"))
SEED = int(os.environ.get("COCOONMAIL_TEST_SEED", random.randrange(1_000_000)))
ADDRESS_MAX = 2000  # Characters of a value in an address; a server refuses one that is longer than some thousands
QUERY = (
    "q state type mode status older newer page sent name loop group source kind test sort order days next contact "
    "event version step email key subscribed all pk date at"
).split()
NASTY = [
    "", " ", "0", "-1", "1", "99999999999999999999", "1e309", "NaN", "true", "null", "[]", "{}", '{"a":' * 200,
    "'", '"', "\0", "a\0b", "\ud800", "\u202eabc", "é" * 5000, "x" * 100_000, "<script>", "{{ 7*7 }}", "{% for", "{{",
    "%", "%s%n", "\r\nBcc: a@b.c", "a@b.c\r\nX: y", "a@" + "b" * 300 + ".c", "@", "a@b", "ada@example.com",
    "2026-02-30", "2026-13-01", "0000-00-00", "9999-12-31T23:59:59", "../../etc/passwd", "1; DROP TABLE", "1 OR 1=1",
    "²", "١", "1_000", "0x10", "-0", "+5", "∞", "\ufeff1", "smtp://u:p@[::1", "http://[", "https://a:99999/",
    "Infinity", "1" * 400, "\x1f", "\n",
]  # fmt: skip


class Forms(HTMLParser):
    """The names and values that a page's forms would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes forms and whatever in them has a name."""
        given = dict(attrs)
        if tag == "form":
            self.forms.append((given.get("action") or "", {}))
        elif self.forms and given.get("name") and tag in ("input", "select", "textarea", "button"):
            self.forms[-1][1][str(given["name"])] = given.get("value") or ""


def forms_of(html: str, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each form goes to, and what with."""
    parser = Forms()
    parser.feed(html)
    yield from ((action or path, fields) for action, fields in parser.forms)


def spoilt(dice: random.Random, fields: dict[str, str]) -> dict[str, Any]:
    """Some of the fields with something nasty in them, some left out, one too many, one twice."""
    given: dict[str, Any] = {name: value for name, value in fields.items() if dice.random() > 0.1}
    for name in list(given):
        if dice.random() < 0.4:
            given[name] = dice.choice(NASTY)
        if dice.random() < 0.05:
            given[name] = [dice.choice(NASTY), dice.choice(NASTY)]
    if dice.random() < 0.2:
        given[dice.choice([*QUERY, "\0", "csrfmiddlewaretoken"])] = dice.choice(NASTY)
    return {name: encodable(value) for name, value in given.items()}


def encodable(value: Any) -> Any:
    """As a browser could send it at all: it never sends half a character."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else [encodable(one) for one in value]


def paths(acme: Acme) -> list[str]:
    """Every address of a page, with ids that are there."""
    found = []
    for name in sorted(LOOK | BOTH | CHANGE | PUBLIC | OWN):
        try:
            found.append(acme.path(name))
        except (KeyError, NoReverseMatch):
            found.append(reverse(name, kwargs={"token": "nothing"}))
    return found


def test_no_page_answers_nonsense_with_a_5xx(acme: Acme) -> None:
    dice = random.Random(SEED)
    alice = acme.people.alice
    client: Client = alice
    client.raise_request_exception = False
    known = paths(acme)
    seen: list[tuple[str, dict[str, str]]] = []
    for path in known:
        answer = client.get(path)
        if answer.headers.get("Content-Type", "").startswith("text/html") and not answer.streaming:
            seen += forms_of(answer.content.decode(), path)
    statuses: Counter[int] = Counter()
    signed_in = copy.deepcopy(client.cookies)
    for number in range(REQUESTS):
        with transaction.atomic():  # What one request destroys is there for the next.
            if number % 2:
                path, fields = dice.choice(seen)
                given = spoilt(dice, fields)
                answer = client.post(path, given)
            else:
                path = dice.choice(known)
                given = {
                    dice.choice(QUERY): encodable(dice.choice(NASTY))[:ADDRESS_MAX] for _ in range(dice.randrange(1, 4))
                }
                answer = client.get(path, given)
            transaction.set_rollback(True)
        client.cookies = copy.deepcopy(signed_in)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, (SEED, path, given)
    assert statuses[200] + statuses[302] > REQUESTS / 3, statuses


@pytest.mark.parametrize("seen", ["", "yesterday", "9999-12-31T23:59:59"])
def test_a_loops_form_that_does_not_say_what_it_saw_changes_nothing(alice: Person, seen: str) -> None:
    loop = loop_of(alice.workspace, live=False)
    before = loop.steps
    answer = alice.post(f"/loops/{loop.pk}/steps", {"version": seen, "kind": "wait", "after": "wait"})
    assert answer.status_code in (409, 422)
    loop.refresh_from_db()
    assert loop.steps == before


__all__ = ["acme"]
