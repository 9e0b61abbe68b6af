"""Promises of the ways in: a link works once, for whom it was made, and nothing that is typed breaks it."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client

from cocoonmail.accounts.enter import invite, new_owner_token
from cocoonmail.accounts.models import Invitation, Member, Role, User, Workspace
from cocoonmail.kit.clock import database_now
from tests.people import Person

pytestmark = pytest.mark.django_db

PASSWORD = "a long walk by the fjord"
OWNER = {"workspace": "Acme", "name": "Alice", "email": "alice@acme.test", "password": PASSWORD}
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def visitor() -> Client:
    return Client(SERVER_NAME="127.0.0.1")


@pytest.fixture
def link() -> str:
    """What bin/up prints on a new installation."""
    return f"/welcome/{new_owner_token(database_now())}"


def test_the_first_link_makes_the_owner_and_the_workspace_and_signs_in(visitor: Client, link: str) -> None:
    page = visitor.get(link).content.decode()
    assert "Welcome to Cocoonmail" in page
    answer = visitor.post(link, OWNER, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "First steps" in answer.content.decode()
    member = Member.objects.get()
    assert (member.role, member.workspace.name, member.user.email) == (Role.OWNER, "Acme", "alice@acme.test")
    assert member.user.check_password(PASSWORD)


def test_an_owner_who_comes_after_a_file_made_the_workspace_owns_that_one(visitor: Client, link: str) -> None:
    applied = Workspace.objects.create(name="Acme")  # What `apply` does between `up` and the first visit
    assert 'name="workspace"' not in visitor.get(link).content.decode()
    visitor.post(link, OWNER)
    assert Member.objects.get().workspace == applied
    assert Workspace.objects.count() == 1


def test_a_link_that_was_used_lets_nobody_else_in(visitor: Client, link: str) -> None:
    visitor.post(link, OWNER)
    other = Client(SERVER_NAME="127.0.0.1")
    for answer in (other.get(link), other.post(link, {**OWNER, "email": "mallory@evil.test"})):
        assert answer.status_code == 410
        assert "no longer works" in answer.content.decode()
    assert User.objects.count() == 1


def test_an_expired_and_an_unknown_link_say_the_same(visitor: Client, link: str) -> None:
    unknown = visitor.get("/welcome/nothing-like-it")
    Invitation.objects.update(expires_at=database_now() - timedelta(seconds=1))
    expired = visitor.get(link)
    assert (expired.status_code, expired.content) == (unknown.status_code, unknown.content)
    assert visitor.post(link, OWNER).status_code == 410
    assert not User.objects.exists()


def test_a_new_link_for_the_owner_replaces_the_one_that_got_lost(visitor: Client, link: str) -> None:
    new_owner_token(database_now())
    assert visitor.get(link).status_code == 410


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("workspace", ""),
        ("workspace", "x" * 101),
        ("workspace", "a\0b"),
        ("name", ""),
        ("name", "x" * 151),
        ("email", "nobody"),
        ("email", "a@b.test\nBcc: x@y.test"),
        ("password", ""),
        ("password", "short"),
        ("password", "password1234"),
        ("password", "alice@acme.test"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_the_link_still_works(
    visitor: Client, link: str, field: str, value: str
) -> None:
    answer = visitor.post(link, {**OWNER, field: value})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert f'id="id_{field}_error"' in html
    assert PASSWORD not in html
    assert not User.objects.exists()
    assert visitor.post(link, OWNER).status_code == 302


def test_names_are_text_and_never_markup(visitor: Client, link: str) -> None:
    answer = visitor.post(link, {**OWNER, "workspace": HOSTILE, "name": HOSTILE}, follow=True)
    assert HOSTILE not in answer.content.decode()
    assert Workspace.objects.get().name == HOSTILE


def test_a_page_is_not_kept_by_any_cache(visitor: Client, link: str) -> None:
    assert "no-store" in visitor.get(link)["Cache-Control"]


def test_an_invitation_is_for_its_address_and_its_role_whatever_is_sent(visitor: Client, alice: Person) -> None:
    path = f"/welcome/{invite(alice.workspace, 'Carol@acme.test', Role.VIEWER, database_now())}"
    assert "Join Acme" in visitor.get(path).content.decode()
    visitor.post(path, {**OWNER, "name": "Carol", "email": "mallory@evil.test", "role": "owner", "workspace": "Evil"})
    carol = Member.objects.get(user__email="carol@acme.test")
    assert (carol.role, carol.workspace) == (Role.VIEWER, alice.workspace)
    assert not Workspace.objects.filter(name="Evil", members__user=carol.user).exists()


def test_whoever_has_an_account_here_joins_with_it(alice: Person, mallory: Person) -> None:
    token = invite(alice.workspace, mallory.user.email, Role.EDITOR, database_now())
    stranger = Client(SERVER_NAME="127.0.0.1")
    refused = stranger.post(f"/welcome/{token}", {"name": "M", "password": PASSWORD})
    assert "Sign in first" in refused.content.decode()
    assert "Join Acme" in mallory.get(f"/welcome/{token}").content.decode()
    assert not Member.objects.filter(user=mallory.user, workspace=alice.workspace).exists()
    mallory.post(f"/welcome/{token}")
    assert Member.objects.get(user=mallory.user, workspace=alice.workspace).role == Role.EDITOR
    assert '<span class="workspace-name">Acme</span>' in mallory.get("/").content.decode()


def test_an_invitation_for_somebody_else_is_not_joined_with_the_account_at_hand(alice: Person, mallory: Person) -> None:
    path = f"/welcome/{invite(alice.workspace, 'carol@acme.test', Role.EDITOR, database_now())}"
    mallory.post(path)
    assert not Member.objects.filter(user=mallory.user, workspace=alice.workspace).exists()
    assert Invitation.objects.get().used_at is None


@pytest.mark.django_db(transaction=True)
def test_a_link_that_two_open_at_the_same_moment_lets_one_in(link: str) -> None:
    barrier, statuses = Barrier(2), []

    def enter(email: str) -> None:
        barrier.wait()
        statuses.append(Client(SERVER_NAME="127.0.0.1").post(link, {**OWNER, "email": email}).status_code)
        connection.close()

    threads = [Thread(target=enter, args=(f"{name}@acme.test",)) for name in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [302, 410]
    assert User.objects.count() == Member.objects.count() == Workspace.objects.count() == 1


@pytest.fixture
def known(visitor: Client, link: str) -> Client:
    """Alice, who came in and went out again."""
    visitor.post(link, OWNER)
    visitor.post("/account/logout/")
    return visitor


@pytest.mark.parametrize(
    "next_url",
    ["//evil.test", "\\\\evil.test", "https:evil.test", "/%5cevil.test", "javascript:alert(1)", "https://evil.test/"],
)
def test_signing_in_leads_nowhere_else(known: Client, next_url: str) -> None:
    form = {"login": OWNER["email"], "password": PASSWORD, "next": next_url}
    answer = known.post("/account/login/", form)
    assert answer.status_code == 302
    target = answer["Location"]
    assert target == "/" or (target.startswith("/%5c") and not target.startswith("//"))


def test_a_new_password_ends_every_other_session(known: Client) -> None:
    form = {"login": OWNER["email"], "password": PASSWORD}
    here, there = Client(SERVER_NAME="127.0.0.1"), Client(SERVER_NAME="127.0.0.1")
    for browser in (here, there):
        browser.post("/account/login/", form)
        assert browser.get("/").status_code == 200
    new = "another walk by the fjord"
    here.post("/account/reauthenticate/", {"password": PASSWORD})
    here.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert User.objects.get().check_password(new)
    assert there.get("/").status_code == 302


def test_signing_out_ends_the_session_itself_and_not_only_its_cookie(known: Client) -> None:
    known.post("/account/login/", {"login": OWNER["email"], "password": PASSWORD})
    stolen = known.cookies["session"].value
    known.post("/account/logout/")
    thief = Client(SERVER_NAME="127.0.0.1")
    thief.cookies["session"] = stolen
    assert thief.get("/").status_code == 302
