"""The Integrations pages: connect Stripe, choose events, read the log; and nobody else may."""

from __future__ import annotations

import pytest

from tests.people import Person

pytestmark = pytest.mark.django_db


def test_one_click_connects_stripe_with_the_events_of_the_three_templates(alice: Person) -> None:
    assert alice.get("/integrations").status_code == 200
    assert "Connect Stripe" in alice.get("/integrations/stripe").content.decode()
    answer = alice.post("/integrations/stripe", follow=True)
    assert answer.status_code == 200
    endpoint = alice.workspace.endpoints.get()
    assert endpoint.path in answer.content.decode()
    for tab in ("", "/deliveries", "/options"):
        assert alice.get(f"/integrations/stripe/{endpoint.pk}{tab}").status_code == 200
