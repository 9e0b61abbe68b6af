"""Who may open what: every address there is, tried by nobody, by Vera who looks, and by Mallory (promise D1).

The routes are read from the urlconf. One that is in no list here fails the test, so that nobody forgets to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from cocoonmail.accounts.enter import invite
from cocoonmail.accounts.models import Invitation, Member, Role
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.domains import add_pair
from cocoonmail.emails.models import Message, SendingDomain
from cocoonmail.intake.models import Delivery
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from tests.people import People, Person
from tests.shop import Shop, event

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

# Pages that members look at; nothing is changed there.
LOOK = set(
    "home integrations endpoint endpoint_deliveries delivery delivery_body "
    "loop loop_metrics loop_people loops templates template template_preview "
    "audience contact events messages message message_text message_source message_conversation "
    "message_rendered message_raw domain".split()
)
# Pages with a form that changes something.
BOTH = set(
    "platform endpoint_options loop_new loop_email loop_email_preview loop_email_check contact_new event_new "
    "settings settings_domains settings_transport settings_limits settings_members".split()
)
# Verbs: they only take POST.
CHANGE = set(
    "endpoint_events endpoint_secrets endpoint_made_secret endpoint_remove_secret endpoint_rehearsals "
    "endpoint_only_log_test endpoint_enable endpoint_delete delivery_process_again "
    "loop_name loop_unknown loop_trigger loop_steps loop_step loop_step_move loop_step_remove loop_start "
    "loop_pause loop_publish loop_delete template_create contact_property contact_stop contact_allow contact_delete "
    "message_send_again message_arrived messages_send_again messages_arrived settings_transport_test "
    "settings_limit_remove domain_check domain_on domain_off domain_rotate domain_remove "
    "member_role member_remove invitation_withdraw".split()
)
# Nobody has to be known for these: their tests are in test_welcome, test_letterbox and test_account_pages.
PUBLIC = set("closed welcome no_workspace unsubscribe resubscribe".split())
# What everybody may change, whatever their role, for it is only about themselves.
OWN = {"workspace_enter"}
# allauth's pages about one's own account.
ACCOUNT = "account/"
ROUTES = LOOK | BOTH | CHANGE | PUBLIC | OWN


@dataclass(frozen=True)
class Acme:
    """A workspace with one of everything that an address can name."""

    people: People
    ids: dict[str, dict[str, Any]]

    def path(self, name: str) -> str:
        """The address of a route, with Acme's ids."""
        wanted = _parameters()[name]
        known = max((key for key in self.ids if name.startswith(key)), key=len, default="")
        return reverse(name, kwargs={key: self.ids[known][key] for key in wanted})


@pytest.fixture
def acme(everybody: People) -> Acme:
    shop = Shop.opened()
    shop.hear(event("customer.created"))
    shop.work()
    workspace = everybody.alice.workspace
    loop = Loop.objects.get(name="Welcome")
    stripe = {"platform": "stripe", "pk": shop.endpoint.pk}
    step = loop.steps[-1]
    invite(workspace, "carol@acme.test", Role.VIEWER, database_now())
    return Acme(
        everybody,
        {
            "": {},
            "platform": {"platform": "stripe"},
            "endpoint": {**stripe, "secret": shop.endpoint.secrets.get().pk},
            "delivery": {**stripe, "pk": Delivery.objects.get().pk},
            "loop": {"pk": loop.pk, "step": step["id"], "email_pk": step["email"]},
            "template": {"key": "stripe-new-customer"},
            "contact": {"pk": Contact.objects.get().pk},
            "message": {"pk": Message.objects.get().pk},
            "member": {"pk": Member.objects.get(user=everybody.alice.user).pk},
            "invitation": {"pk": Invitation.objects.get().pk},
            "workspace": {"pk": workspace.pk},
            "domain": {"pk": add_pair(workspace, "acme.test", database_now()).pk},
        },
    )


def _routes(patterns: Sequence[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, before + str(one.pattern))
        else:
            yield before + str(one.pattern), one


def _ours() -> dict[str, URLPattern]:
    """Every route that is not allauth's, by name."""
    found = [(path, one) for path, one in _routes(get_resolver().url_patterns) if not path.startswith(ACCOUNT)]
    assert all(one.name for _, one in found), "Every route has a name."
    return {str(one.name): one for _, one in found}


def _parameters() -> dict[str, list[str]]:
    """What each route's address takes, also from the includes that it stands in."""
    ours = {path: one.name for path, one in _routes(get_resolver().url_patterns) if not path.startswith(ACCOUNT)}
    return {str(name): re.findall(r"<\w+:(\w+)>", path) for path, name in ours.items()}


def test_every_route_is_listed_and_every_listed_route_is_there() -> None:
    assert set(_ours()) == ROUTES
    lists = (LOOK, BOTH, CHANGE, PUBLIC, OWN)
    assert sum(map(len, lists)) == len(ROUTES), "A route is in one list only."


def test_nobody_sees_or_changes_anything_without_signing_in(acme: Acme) -> None:
    stranger = Client(SERVER_NAME="127.0.0.1")
    for name in sorted(ROUTES - PUBLIC):
        for answer in (stranger.get(acme.path(name)), stranger.post(acme.path(name))):
            assert (answer.status_code, answer.headers.get("Location", "")[:15]) == (302, "/account/login/"), name


def test_vera_sees_every_page_and_changes_nothing(acme: Acme) -> None:
    before = counted()
    vera = acme.people.vera
    for name in sorted(LOOK | BOTH):
        assert vera.get(acme.path(name)).status_code in (200, 302), name
    for name in sorted(BOTH | CHANGE):
        assert vera.post(acme.path(name)).status_code == 403, name
    for name in sorted(LOOK):
        assert vera.post(acme.path(name)).status_code in (403, 405), name
    assert counted() == before


def test_looking_at_what_changes_something_changes_nothing(acme: Acme) -> None:
    before = counted()
    for name in sorted(CHANGE):
        assert acme.people.alice.get(acme.path(name)).status_code in (302, 405), name
    assert counted() == before


def test_a_form_that_another_site_sends_is_refused_everywhere(acme: Acme) -> None:
    before = counted()
    alice = Client(SERVER_NAME="127.0.0.1", enforce_csrf_checks=True)
    alice.force_login(acme.people.alice.user, backend="django.contrib.auth.backends.ModelBackend")
    for name in sorted(BOTH | CHANGE | OWN):
        assert alice.post(acme.path(name)).status_code == 403, name
        assert alice.post(acme.path(name), '{"a": 1}', content_type="text/plain").status_code == 403, name
    assert counted() == before


def names_of_a_tenant(acme: Acme) -> list[str]:
    """The routes whose address names something that belongs to a workspace; a gallery's template belongs to nobody."""
    return [name for name in sorted(ROUTES - PUBLIC) if set(_parameters()[name]) - {"platform", "key"}]


def test_mallory_finds_nothing_behind_another_workspaces_ids(acme: Acme) -> None:
    before = counted()
    mallory: Person = acme.people.mallory
    for name in names_of_a_tenant(acme):
        path = acme.path(name)
        statuses = {mallory.get(path).status_code, mallory.post(path).status_code}
        assert statuses <= {404, 405}, name
        assert 404 in statuses, name
    assert counted() == before


def test_mallory_sees_nothing_of_another_workspace_on_pages_of_her_own(acme: Acme) -> None:
    for name in sorted((LOOK | BOTH) - set(names_of_a_tenant(acme))):
        html = acme.people.mallory.get(acme.path(name)).content.decode()
        for theirs in ("ada@example.com", "alice@acme.test", "newStripeCustomer"):
            if name in ("templates", "template", "platform") and theirs == "newStripeCustomer":
                continue  # The gallery suggests it to everybody.
            assert theirs not in html, (name, theirs)


COUNTED = (Contact, Delivery, Invitation, Loop, Member, Message, SendingDomain)


def counted() -> dict[str, int]:
    """How much there is of everything that a page could make or destroy, and in which state."""
    return {
        **{model.__name__: model.objects.count() for model in COUNTED},
        "live": Loop.objects.filter(state="live").count(),
        "queued": Message.objects.filter(status="queued").count(),
        "signing": SendingDomain.objects.filter(enabled=True).count(),
        "checked": SendingDomain.objects.filter(checked_at__isnull=False).count(),
        "owners": Member.objects.filter(role=Role.OWNER).count(),
    }
