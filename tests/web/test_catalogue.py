"""Promises of the components in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import catalogue
from tests.browser import SCHEMES, WIDTHS, browser, chromium, findings, serve_from_disk, window

pytestmark = [pytest.mark.one_database, pytest.mark.skipif(not chromium(), reason="no Chromium was found")]


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as one:
        yield one


def show(opened: Browser, width: int = 1280, scheme: str = "light", **options: Any) -> tuple[Page, list[str]]:
    """The catalogue in a window, and what its console says."""
    page = window(opened, width, scheme, **options)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    serve_from_disk(page, catalogue.render())
    return page, said


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(opened: Browser, width: int, scheme: str) -> None:
    page, said = show(opened, width, scheme)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []


def test_on_a_phone_the_menu_opens_and_closes_with_and_without_scripts(opened: Browser) -> None:
    for scripts in (True, False):
        page, _ = show(opened, 390, java_script_enabled=scripts)
        menu = page.get_by_role("navigation", name="Main")
        expect(menu).to_be_hidden()
        page.get_by_role("link", name="Menu").click()
        expect(menu).to_be_visible()
        page.get_by_role("link", name="Close", exact=True).click()
        expect(menu).to_be_hidden()


def test_a_destructive_action_names_what_it_destroys_before_it_posts_even_without_scripts(opened: Browser) -> None:
    for scripts in (True, False):
        page, _ = show(opened, java_script_enabled=scripts)
        page.get_by_role("button", name="Delete loop…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("214 runs in progress")
        dialog.get_by_role("button", name="Keep it").click()
        expect(dialog).to_be_hidden()


def test_a_copy_button_copies_the_whole_value_and_is_absent_without_scripts(opened: Browser) -> None:
    page, _ = show(opened)
    page.evaluate("document.execCommand = () => { window.copied = document.activeElement.value; return true; }")
    page.get_by_role("button", name="Copy endpoint URL").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("window.copied") == "https://mail.example.com/hooks/stripe/k3Jp9vQ2mXw7Rb4T"
    page, _ = show(opened, java_script_enabled=False)
    expect(page.get_by_role("button", name="Copy endpoint URL")).to_be_hidden()


def test_a_form_that_is_on_its_way_is_not_sent_again(opened: Browser) -> None:
    page, _ = show(opened)
    page.evaluate(
        "window.sent = 0; document.addEventListener('submit',"
        " (e) => { if (!e.defaultPrevented) window.sent++; e.preventDefault(); })"
    )
    button = page.get_by_role("button", name="Save step")
    button.click()
    button.click()
    assert page.evaluate("window.sent") == 1


def test_unsaved_changes_are_asked_about_before_they_are_lost(opened: Browser) -> None:
    page, _ = show(opened)
    page.get_by_label("Name").fill("Acme Ltd")
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()


def test_relative_times_stay_true_while_the_page_is_open(opened: Browser) -> None:
    page, _ = show(opened)
    time = page.locator(".facts time").first
    expect(time).to_have_text("3 min ago")
    page.evaluate("const now = Date.now(); Date.now = () => now + 7200000; freshenTimes()")
    expect(time).to_have_text("2 hours ago")


def test_filters_search_while_one_types_and_keep_the_words_in_the_url_and_the_field(opened: Browser) -> None:
    page, said = show(opened)
    box = page.get_by_role("searchbox", name="Search loops")
    with page.expect_response(lambda answer: "q=Welcome" in answer.url):
        box.press_sequentially("Welcome")
    expect(page).to_have_url("http://catalogue.test/loops?q=Welcome&state=live")
    expect(box).to_be_focused()
    expect(box).to_have_value("Welcome")
    expect(page.locator("#list")).to_have_count(1)
    assert said == []


def test_an_email_in_a_frame_has_its_styles_and_runs_no_script(opened: Browser) -> None:
    page, _ = show(opened)
    page.locator(".specimen").first.scroll_into_view_if_needed()
    email = page.frame_locator(".specimen iframe").first
    expect(email.get_by_text("We received 49.00 EUR.")).to_be_attached()
    expect(email.locator("body")).to_have_css("background-color", "rgb(244, 244, 247)")
    expect(email.get_by_text("a script ran", exact=True)).to_have_count(0)
