"""Who publishes a loop is told what its emails' authors were warned of."""

from __future__ import annotations

from cocoonmail.emails.models import Email
from tests.deeds import loop_of
from tests.people import Person


def test_who_publishes_an_email_with_doubtful_html_is_told_so(alice: Person) -> None:
    loop = loop_of(alice.workspace)
    html = "x".join(f"<{name}></{name}><{name}></{name}>" for name in ("form", "svg", "math", "video"))
    body = f"<mjml><mj-body><mj-section><mj-column><mj-text>{html}</mj-text></mj-column></mj-section></mj-body></mjml>"
    Email.objects.update(format="mjml", body=body)
    told = alice.post(f"/loops/{loop.pk}/publish", follow=True).content.decode()
    assert "&lt;form&gt;: many mail programs leave it out" in told
    assert told.count("many mail programs leave it out") == 3
    assert "more: see the emails." in told
