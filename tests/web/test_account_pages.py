"""Promises of the pages around a person's account, and of those that say what went wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.views import defaults
from playwright.sync_api import Browser

from cocoonmail.accounts.models import User
from tests.browser import WIDTHS, browser, chromium, findings, serve_from_disk, window

pytestmark = pytest.mark.django_db

PASSWORD = "a long walk by the fjord"
FOR_VISITORS = {
    "/account/login/": "Sign in",
    "/account/signup/": "By invitation only",
    "/account/password/reset/": "Reset your password",
    "/account/password/reset/done/": "Look in your inbox",
    "/account/password/reset/key/1-nothing/": "This link no longer works",
    "/account/password/reset/key/done/": "Your password is changed",
    "/welcome/no-such-link": "This link no longer works",
}
FOR_PEOPLE = {
    "/account/logout/": "Sign out?",
    "/account/password/change/": "Password",
    "/account/reauthenticate/": "Is it you?",
    "/account/2fa/": "Two-step sign-in",
    "/account/2fa/totp/activate/": "Set up an authenticator app",
    "/account/email/": "Email Addresses",
}
WITH_SECOND_STEP = {
    "/account/2fa/": "Two-step sign-in",
    "/account/2fa/totp/deactivate/": "Turn the authenticator app off",
    "/account/2fa/recovery-codes/": "Recovery Codes",
    "/account/2fa/recovery-codes/generate/": "Recovery Codes",
}


@pytest.fixture
def visitor() -> Client:
    # allauth counts attempts in the cache; those of the test before are not this visitor's.
    cache.clear()
    return Client(SERVER_NAME="127.0.0.1")


@pytest.fixture
def alice(visitor: Client) -> Client:
    User.objects.create_user("alice@acme.test", PASSWORD)
    sign_in(visitor)
    return visitor


def sign_in(visitor: Client) -> None:
    visitor.post("/account/login/", {"login": "alice@acme.test", "password": PASSWORD})
    visitor.post("/account/reauthenticate/", {"password": PASSWORD})


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as one:
        yield one


def turn_second_step_on() -> None:
    alice = User.objects.get()
    TOTP.activate(alice, generate_totp_secret())
    RecoveryCodes.activate(alice)


def looks_like_ours(html: str, heading: str) -> None:
    assert re.search(rf"<h1>\s*{re.escape(heading)}\s*</h1>", html)
    assert html.count("<h1") == 1
    assert "cocoonmail/app.css" in html
    assert "Skip to content" in html


@pytest.mark.parametrize("path", FOR_VISITORS)
def test_every_page_for_visitors_has_our_look(visitor: Client, path: str) -> None:
    looks_like_ours(visitor.get(path).content.decode(), FOR_VISITORS[path])


@pytest.mark.parametrize("path", FOR_PEOPLE)
def test_every_page_of_an_account_has_our_look(alice: Client, path: str) -> None:
    looks_like_ours(alice.get(path).content.decode(), FOR_PEOPLE[path])


@pytest.mark.parametrize("path", WITH_SECOND_STEP)
def test_every_page_of_the_second_step_has_our_look(alice: Client, path: str) -> None:
    turn_second_step_on()
    looks_like_ours(alice.get(path).content.decode(), WITH_SECOND_STEP[path])


def test_the_second_step_is_asked_for_in_our_look(alice: Client) -> None:
    turn_second_step_on()
    alice.post("/account/logout/")
    answer = alice.post("/account/login/", {"login": "alice@acme.test", "password": PASSWORD}, follow=True)
    looks_like_ours(answer.content.decode(), "Second step")


@pytest.mark.one_database
@pytest.mark.skipif(not chromium(), reason="no Chromium was found")
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_on_any_account_page(visitor: Client, opened: Browser, width: int) -> None:
    page = window(opened, width)
    pages = {path: visitor.get(path).content.decode() for path in FOR_VISITORS}
    User.objects.create_user("alice@acme.test", PASSWORD)
    wrong = visitor.post("/account/login/", {"login": "alice@acme.test", "password": "wrong"})
    pages["a wrong password"] = wrong.content.decode()
    sign_in(visitor)
    pages |= {path: visitor.get(path).content.decode() for path in FOR_PEOPLE}
    turn_second_step_on()
    pages |= {path: visitor.get(path).content.decode() for path in WITH_SECOND_STEP}
    for path, html in pages.items():
        page.unroute_all()
        serve_from_disk(page, html)
        assert findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_picture_for_the_authenticator_app_is_in_the_page_itself(alice: Client) -> None:
    html = alice.get("/account/2fa/totp/activate/").content.decode()
    assert "<svg:" not in html
    assert '<div class="qr"' in html
    assert "<path" in html.split('<div class="qr"')[1].split("</div>")[0]


def test_a_wrong_password_is_explained_in_the_form_and_the_address_is_kept(visitor: Client) -> None:
    html = visitor.post("/account/login/", {"login": "who@acme.test", "password": "wrong"}).content.decode()
    assert 'role="alert"' in html
    assert 'value="who@acme.test"' in html


@pytest.mark.parametrize(
    ("status", "heading"), [(400, "We could not read this request"), (403, "You may not see this")]
)
def test_errors_say_what_to_do_and_offer_a_way_back(status: int, heading: str) -> None:
    html = render_to_string(f"{status}.html")
    looks_like_ours(html, heading)
    assert 'href="/"' in html


def test_a_page_that_does_not_exist_says_so(visitor: Client) -> None:
    answer = visitor.get("/no/such/page")
    assert answer.status_code == 404
    looks_like_ours(answer.content.decode(), "There is no such page")


def test_the_page_of_a_broken_server_needs_no_database_and_no_session() -> None:
    request: HttpRequest = RequestFactory().get("/")
    answer: HttpResponse = defaults.server_error(request)
    looks_like_ours(answer.content.decode(), "Something broke on our side")


def test_a_form_from_an_old_session_is_explained() -> None:
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    answer = strict.post("/account/login/", {"login": "a@b.c", "password": "x"})
    assert answer.status_code == 403
    looks_like_ours(answer.content.decode(), "This form is out of date")
