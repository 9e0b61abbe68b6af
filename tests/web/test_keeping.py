"""Settings, Retention: how long what is finished is kept."""

from __future__ import annotations

import pytest

from cocoonmail.accounts.models import Workspace
from tests.people import Person

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

PATH = "/settings/keeping"
DAYS = {"webhook_days": "30", "history_days": "100", "message_days": "200"}


def days(person: Person) -> tuple[int, int, int]:
    stored = Workspace.objects.get(pk=person.workspace.pk)
    return stored.webhook_days, stored.history_days, stored.message_days


def test_alice_chooses_how_long_things_are_kept(alice: Person) -> None:
    assert days(alice) == (90, 730, 365)
    said = alice.post(PATH, DAYS, follow=True).content.decode()
    assert "Saved." in said
    assert 'value="30"' in said
    assert days(alice) == (30, 100, 200)


@pytest.mark.parametrize(
    "bad", [{"webhook_days": "0"}, {"history_days": "34"}, {"message_days": "3651"}, {"message_days": "soon"}, {}]
)
def test_days_that_cannot_be_are_refused_and_nothing_is_changed(alice: Person, bad: dict[str, str]) -> None:
    answer = alice.post(PATH, {**DAYS, **bad} if bad else {"webhook_days": "30"})
    assert answer.status_code == 200
    assert "error" in answer.content.decode()
    assert days(alice) == (90, 730, 365)


def test_bob_sees_the_days_and_cannot_change_them(bob: Person) -> None:
    page = bob.get(PATH).content.decode()
    assert 'value="730"' in page
    assert "Only owners and admins" in page
    assert bob.post(PATH, DAYS).status_code == 403
    assert days(bob) == (90, 730, 365)
