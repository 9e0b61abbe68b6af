"""A stranger with a browser and nothing to read but the pages: from the one-time link to emails, captured and sent."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import browser, chromium, window
from tests.house import Installation, installation, link_in
from tests.stranger import EMAILS, TEMPLATES, Stranger
from tests.transports.certificates import make
from tests.transports.real import mail_server
from tests.transports.threaded import in_a_thread

LOOKED: set[tuple[str, str]] = set()  # Kinds of pages that axe has looked at: once is enough

pytestmark = [pytest.mark.processes, pytest.mark.one_database]


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """The system's Chromium; where there is none, the summary says what was not tested."""
    if not chromium():
        warnings.warn("BROWSER TESTS WERE SKIPPED: no Chromium (Debian: apt install chromium)", stacklevel=1)
        pytest.skip("no Chromium")
    with browser() as opened:
        yield opened


@contextmanager
def up(folder: Path, **environment: str) -> Iterator[Installation]:
    """A place where nothing was installed yet: `up` has to do everything."""
    fresh = Installation(folder, environment=environment)
    try:
        fresh.up()
        yield fresh
    finally:
        fresh.close()


def working(house: Installation) -> Installation:
    """With its web process and its worker."""
    house.web()
    house.work()
    return house


@contextmanager
def stranger_at(chrome: Browser, house: Installation, said: str) -> Iterator[Stranger]:
    """Somebody who was said the one-time link; whatever goes wrong is told with the page and the logs."""
    stranger = Stranger(window(chrome, base_url=house.url), looked_at=set(LOOKED))
    try:
        stranger.create_the_account(house.url + link_in(said, "/welcome/"))
        yield stranger
    except BaseException as error:
        words = stranger.page.locator("body").inner_text()[:4000]
        error.add_note(f"{stranger.page.url}\n{words}\n{stranger.troubles}\n{house.logs()}")
        raise
    assert stranger.troubles == []
    LOOKED.update(stranger.looked_at)


def test_from_the_one_time_link_to_three_captured_emails_reading_nothing_but_the_pages(
    chrome: Browser, tmp_path: Path
) -> None:
    with up(tmp_path) as house, stranger_at(chrome, house, house.logs()) as stranger:
        stranger.connect_stripe()
        stranger.choose_a_sender()
        for template in TEMPLATES:
            stranger.start_a_loop(template)
        for event, subject in EMAILS.items():
            stranger.send_a_test_event(event, subject, "Captured")
        stranger.read_the_emails()
        stranger.section("Home")
        assert len(stranger.looked_at) >= 9, stranger.looked_at


def test_a_server_nobody_vouches_for_is_refused_in_words_and_a_good_one_gets_the_email(
    chrome: Browser, tmp_path: Path
) -> None:
    made = make(tmp_path)
    with (
        in_a_thread(mail_server(made.self_signed)) as strange,
        in_a_thread(mail_server(made.good)) as good,
        installation(tmp_path, environment={"SSL_CERT_FILE": str(made.authority)}) as house,
        stranger_at(chrome, working(house), house.command("owner-link")) as stranger,
    ):
        stranger.connect_stripe()
        stranger.choose_a_sender()
        stranger.start_a_loop("Stripe - Payment Successful")
        stranger.try_transport(strange.port)
        stranger.sees("The server's certificate is self-signed")
        stranger.sees("switch on 'Accept a self-signed certificate' for this transport")
        stranger.page.get_by_role("link", name="Go to the switch").click()
        stranger.page.get_by_label("Accept a self-signed certificate").check()
        stranger.press("Save")
        stranger.press("Send a test")
        stranger.sees("The server took it.")
        assert strange.encrypted == [True]

        stranger.page.get_by_label("Accept a self-signed certificate").uncheck()
        stranger.try_transport(good.port)
        stranger.sees("The server took it.")
        stranger.send_a_test_event("invoice.paid", EMAILS["invoice.paid"], "Sent")
        stranger.section("Messages")
        stranger.follow(EMAILS["invoice.paid"])
        stranger.follow("SMTP conversation")
        stranger.sees("encrypted with TLS")
        stranger.sees("250 2.0.0 Ok: queued as 2")
        stranger.look()
        assert good.encrypted == [True, True]
