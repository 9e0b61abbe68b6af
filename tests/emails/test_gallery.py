"""The gallery's emails fit every event of their kind, the fullest and the sparsest."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations
from typing import Any

import pytest

from cocoonmail.emails import liquid
from cocoonmail.emails.compose import Compiled, Kind, check, compile_email
from cocoonmail.emails.render import Rendered, render
from cocoonmail.loops.gallery import BY_KEY, TEMPLATES, Template

SPARSEST = {"contact": {"email": "alice@example.com"}, "event": {}, "workspace": {"address": "1 Main St"}}


def mail(template: Template, facts: dict[str, Any]) -> Rendered:
    draft = replace(template.draft, from_email="hello@acme.test")
    compiled = compile_email(draft)
    assert isinstance(compiled, Compiled), compiled
    rendered = render(compiled, {"unsubscribe_url": "https://mail.acme.test/u/1", **facts})
    assert isinstance(rendered, Rendered), rendered
    return rendered


def event(template: Template, **changes: Any) -> dict[str, Any]:
    return {**template.sample, "event": {**template.sample["event"], **changes}}


def test_the_gallery_holds_the_three_stripe_emails() -> None:
    assert [(one.key, one.title, one.suggested_event, one.draft.kind) for one in TEMPLATES] == [
        ("stripe-new-customer", "Stripe - New Customer", "newStripeCustomer", Kind.MARKETING),
        ("stripe-payment-successful", "Stripe - Payment Successful", "successfulPayment", Kind.TRANSACTIONAL),
        ("stripe-payment-failed", "Stripe - Payment Failed", "failedPayment", Kind.TRANSACTIONAL),
    ]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.key)
def test_a_template_has_neither_problems_nor_warnings(template: Template) -> None:
    assert check(template.draft) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.key)
def test_a_template_renders_its_sample_and_the_sparsest_event(template: Template) -> None:
    full, sparse = mail(template, dict(template.sample)), mail(template, SPARSEST)
    assert "Ada" in full.text
    assert "Acme" in full.html
    for rendered in (full, sparse):
        assert rendered.subject
        assert "  " not in rendered.subject
        assert not rendered.subject.endswith((" ", ","))
        assert "None" not in rendered.text
        assert "\n\n\n" not in rendered.text
        assert _Nesting.holds(rendered.html)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.key)
def test_no_template_depends_on_any_value(template: Template) -> None:
    names = sorted(template.sample["event"])
    for left_out in [*combinations(names, 1), *combinations(names, 2)]:
        facts = dict(template.sample)
        facts["event"] = {name: value for name, value in facts["event"].items() if name not in left_out}
        assert _Nesting.holds(mail(template, facts).html)


def test_the_fields_a_template_reads_are_those_the_sample_shows() -> None:
    for template in TEMPLATES:
        read = {
            name.split(".")[1].split("[")[0] for name in liquid.names(template.draft.body) if name.startswith("event.")
        }
        assert read <= set(template.sample["event"]), template.key


class _Nesting(HTMLParser):
    """Whether the elements that make an email's layout open and close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.good = True

    @classmethod
    def holds(cls, html: str) -> bool:
        reader = cls()
        reader.feed(html)
        return reader.good and not reader.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("table", "tbody", "tr", "td", "div", "span", "a"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "tbody", "tr", "td", "div", "span", "a"):
            self.good = self.good and bool(self.open) and self.open.pop() == tag


def test_a_payment_shows_its_amount_and_a_button_to_the_invoice() -> None:
    rendered = mail(BY_KEY["stripe-payment-successful"], event(BY_KEY["stripe-payment-successful"]))
    assert rendered.subject == "We received your payment of €24.00"
    assert 'href="https://invoice.stripe.com/i/example"' in rendered.html
    assert "View invoice: https://invoice.stripe.com/i/example" in rendered.text
    assert "Extra seats × 2: €5.00" in rendered.text


def test_a_payment_without_a_hosted_invoice_has_no_button() -> None:
    template = BY_KEY["stripe-payment-successful"]
    rendered = mail(template, event(template, invoiceUrl=None, invoicePdf=None))
    assert "View invoice" not in rendered.html + rendered.text
    assert "href" not in rendered.html


def test_an_invoice_of_nothing_is_not_called_a_payment() -> None:
    template = BY_KEY["stripe-payment-successful"]
    rendered = mail(template, event(template, amountPaid=0, amountPaidDisplay="€0.00"))
    assert rendered.subject == "Your invoice ACME-0042: nothing to pay"
    assert "no payment was taken" in rendered.text
    assert "Payment received" not in rendered.html


def test_many_line_items_are_summed_up() -> None:
    template = BY_KEY["stripe-payment-successful"]
    items = [{"description": f"Item {number}", "amountDisplay": "€1.00", "quantity": 1} for number in range(13)]
    rendered = mail(template, event(template, lineItems=[*items, {}]))
    assert "Item 9: €1.00" in rendered.text
    assert "Item 10" not in rendered.text
    assert "And 4 more" in rendered.text


def test_the_only_line_item_is_not_listed_beside_what_it_is_for() -> None:
    template = BY_KEY["stripe-payment-successful"]
    only = {"description": "2 × Acme Pro (at €12.00 / month)", "amountDisplay": "€24.00", "quantity": 2}
    assert "(at €12.00 / month)" not in mail(template, event(template, lineItems=[only])).text
    listed = mail(template, event(template, lineItems=[only, {"description": "Seats", "quantity": 3}])).text
    assert "2 × Acme Pro (at €12.00 / month): €24.00\nSeats × 3: –" in listed


def test_a_failed_payment_says_when_it_is_tried_again_or_that_it_is_not() -> None:
    template = BY_KEY["stripe-payment-failed"]
    assert "We will try again on 3 December 2026." in mail(template, event(template)).text
    undated = event(template, nextPaymentAttemptDisplay=None)
    assert "We will try again in a few days." in mail(template, undated).text
    final = mail(template, event(template, nextPaymentAttempt=None, nextPaymentAttemptDisplay=None))
    assert "We will not try again by ourselves." in final.text
    assert "try again on" not in final.html


def test_a_welcome_carries_an_address_and_a_way_out() -> None:
    rendered = mail(BY_KEY["stripe-new-customer"], dict(BY_KEY["stripe-new-customer"].sample))
    assert rendered.subject == "Welcome to Acme, Ada"
    assert "1 Main Street, 0150 Oslo, Norway" in rendered.text
    assert ">Unsubscribe</a>" in rendered.html


def test_a_hostile_customer_cannot_write_into_the_email() -> None:
    template = BY_KEY["stripe-payment-failed"]
    evil = event(template, customerName="<script>x</script>", productName='"><img src=x onerror=x>')
    rendered = mail(template, {**evil, "contact": {"email": "a@b.test", "firstName": "<b>\r\nBcc: x"}})
    assert "<script" not in rendered.html
    assert "<img" not in rendered.html
    assert "<b>" not in rendered.html
