"""Promises of the templates' gallery."""

from __future__ import annotations

import pytest

from cocoonmail.emails.models import Email
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.gallery import TEMPLATES, Template
from cocoonmail.loops.models import Loop, LoopState
from cocoonmail.loops.publish import start
from tests.people import People, Person

every_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.key)


def test_the_gallery_shows_every_template(vera: Person) -> None:
    html = vera.get("/templates").content.decode()
    assert all(template.title in html and f"/templates/{template.key}/preview" in html for template in TEMPLATES)


@every_template
def test_a_template_shows_its_subject_its_text_and_its_trigger(alice: Person, template: Template) -> None:
    html = alice.get(f"/templates/{template.key}").content.decode()
    assert template.suggested_event in html
    assert "What mail programs without HTML show" in html
    assert "would be held" not in html


@every_template
def test_a_preview_can_be_framed_by_us_alone_and_runs_nothing(vera: Person, template: Template) -> None:
    answer = vera.get(f"/templates/{template.key}/preview")
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert policy.startswith("sandbox")
    assert "allow-scripts" not in policy
    assert "Acme" in answer.content.decode()


@every_template
def test_one_click_makes_a_loop_that_can_be_started(bob: Person, template: Template) -> None:
    answer = bob.post(f"/templates/{template.key}/loops")
    loop = Loop.objects.get(workspace=bob.workspace)
    assert answer.headers["Location"] == f"/loops/{loop.pk}"
    assert (loop.state, str(loop.trigger)) == (LoopState.DRAFT, template.suggested_event)
    assert [step["type"] for step in loop.steps] == ["wait", "email"]
    assert start(loop, database_now()) == []


def test_two_loops_of_one_template_have_names_and_emails_of_their_own(alice: Person) -> None:
    alice.post("/templates/stripe-new-customer/loops")
    alice.post("/templates/stripe-new-customer/loops")
    names = list(Loop.objects.order_by("pk").values_list("name", flat=True))
    assert names == ["Stripe - New Customer", "Stripe - New Customer 2"]
    assert Email.objects.count() == 2


def test_a_viewer_looks_at_templates_and_makes_nothing(vera: Person) -> None:
    assert vera.post("/templates/stripe-new-customer/loops").status_code == 403
    assert "Create loop from template" not in vera.get("/templates").content.decode()
    assert not Loop.objects.exists()


def test_a_loop_belongs_to_the_workspace_of_who_made_it(everybody: People) -> None:
    everybody.mallory.post("/templates/stripe-new-customer/loops")
    loop = Loop.objects.get()
    assert loop.workspace == everybody.mallory.workspace
    assert everybody.alice.get(f"/loops/{loop.pk}").status_code == 404


def test_a_template_that_does_not_exist_is_not_found(alice: Person) -> None:
    assert [alice.get(f"/templates/nothing{tail}").status_code for tail in ("", "/preview")] == [404, 404]
