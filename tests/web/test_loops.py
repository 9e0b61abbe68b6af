"""Promises of the loops' pages: the list, the builder, the email editor."""

from __future__ import annotations

import pytest

from tests.deeds import contact, goes_on, happens, loop_of
from tests.people import Person

PAGES = ["", "?step=trigger", "?step=wait", "?step=email", "?step=loop", "/metrics", "/people"]


@pytest.mark.parametrize("tail", PAGES)
def test_every_page_of_a_loop_opens_for_everybody_inside(alice: Person, vera: Person, tail: str) -> None:
    loop = loop_of(alice.workspace)
    happens("newStripeCustomer", contact(alice.workspace), customerName="Ada Lovelace")
    goes_on()
    assert [one.get(f"/loops/{loop.pk}{tail}").status_code for one in (alice, vera)] == [200, 200]
