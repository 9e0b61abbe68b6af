"""Promises of the builder and the editor in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from cocoonmail.emails.models import Email
from cocoonmail.loops.models import Loop, LoopState
from tests.browser import browser, chromium, findings, window
from tests.deeds import loop_of
from tests.people import People, Person, people

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.one_database,
    pytest.mark.skipif(not chromium(), reason="no Chromium was found"),
]


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture
def four(transactional_db: None) -> People:
    return people()


def at(opened: Browser, person: Person, server: LiveServer, *, scripts: bool = True) -> Page:
    """A window in which this person is signed in."""
    page = window(opened, base_url=server.url, java_script_enabled=scripts)
    session = person.cookies["session"].value
    page.context.add_cookies([{"name": "session", "value": session, "url": server.url}])
    return page


def test_a_loop_is_built_written_and_started_in_the_browser(
    opened: Browser, live_server: LiveServer, four: People
) -> None:
    page = at(opened, four.alice, live_server)
    page.goto("/loops/new")
    page.get_by_label("Name").fill("Welcome")
    page.get_by_role("button", name="Create blank loop").click()
    page.get_by_label("Event received").fill("signedUp")
    page.get_by_role("button", name="Save trigger").click()
    page.get_by_label("Add a step behind “signedUp”").click()
    page.get_by_role("button", name="Send email").click()
    page.get_by_role("link", name="Edit email").click()
    page.get_by_label("Subject").fill("Welcome, {{ contact.firstName | default: 'you' }}")
    page.get_by_label("Body", exact=True).fill(
        "# Good to see you\n\nHow can we help, {{ contact.firstName | default: 'you' }}?"
    )
    expect(page.frame_locator("[name=email-preview]").get_by_text("How can we help, Ada?")).to_be_visible()
    expect(page.locator(".letter-card")).to_contain_text("Welcome, Ada")
    assert findings(page) == []
    page.get_by_role("button", name="Save email").click()
    page.get_by_role("link", name="Back to the loop").click()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".page-head .badge")).to_have_text("Live")
    loop = Loop.objects.get()
    assert (loop.state, str(loop.trigger)) == (LoopState.LIVE, "signedUp")
    assert "firstName" in Email.objects.get().subject


def test_the_panel_is_swapped_and_asks_before_it_forgets(
    opened: Browser, live_server: LiveServer, four: People
) -> None:
    loop, page = loop_of(four.alice.workspace, live=False), at(opened, four.alice, live_server)
    page.goto(f"/loops/{loop.pk}?step=wait")
    page.evaluate("document.body.dataset.stays = 'yes'")
    page.get_by_label("How long to wait").fill("5")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator(".step[data-kind=email]").click()
    expect(page.get_by_label("How long to wait")).to_have_value("5")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".step[data-kind=email]").click()
    expect(page.get_by_role("link", name="Edit email")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?step=email$"))
    assert page.evaluate("document.body.dataset.stays") == "yes"


def test_the_builder_and_the_editor_work_without_scripts(
    opened: Browser, live_server: LiveServer, four: People
) -> None:
    loop, page = loop_of(four.bob.workspace, live=False), at(opened, four.bob, live_server, scripts=False)
    page.goto(f"/loops/{loop.pk}")
    page.locator(".step[data-kind=wait]").click()
    page.locator("[name=amount]").fill("2")
    page.locator("[name=unit]").select_option("hours")
    page.get_by_role("button", name="Save wait").click()
    expect(page.locator(".step[data-kind=wait]")).to_contain_text("2 hours")
    page.locator(".step[data-kind=email]").click()
    page.get_by_role("link", name="Edit email").click()
    page.locator("[name=format]").select_option("markdown")
    page.locator("[name=body]").fill("Written without scripts")
    page.get_by_role("button", name="Refresh").click()
    expect(page.frame_locator("[name=email-preview]").get_by_text("Written without scripts")).to_be_visible()
    assert "without scripts" not in Email.objects.get().body
