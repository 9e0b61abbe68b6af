"""Promises of the choice that a loop's panel offers: what follows on an email of which nobody knows."""

from __future__ import annotations

import re

import pytest

from tests.deeds import loop_of
from tests.people import Person

pytestmark = pytest.mark.django_db


def test_what_follows_on_an_unknown_email_is_chosen_in_the_panel_and_counts_at_once(bob: Person) -> None:
    loop = loop_of(bob.workspace)
    before = loop.updated_at
    page = bob.post(f"/loops/{loop.pk}/unknown", {"unknown_policy": "resend_once"}, follow=True).content.decode()
    assert "is sent again by itself, once" in page
    assert 'value="resend_once" checked' in re.sub(r"\s+id=\S+|\s+required|\s+aria-\S+", "", page)
    assert "Unpublished changes" not in page
    loop.refresh_from_db()
    assert (loop.updated_at, loop.unknown_policy) == (before, "resend_once")


def test_another_choice_than_these_is_refused_beside_its_field(bob: Person) -> None:
    loop = loop_of(bob.workspace)
    answer = bob.post(f"/loops/{loop.pk}/unknown", {"unknown_policy": "thrice"})
    assert answer.status_code == 422
    assert "thrice is not one of the available choices" in answer.content.decode()
    loop.refresh_from_db()
    assert loop.unknown_policy == "hold"
