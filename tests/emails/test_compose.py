"""Publishing an email: MJML and Markdown become templates, and what is wrong is said where it is."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from cocoonmail.emails.compose import Compiled, Draft, Format, Kind, check
from tests.emails.letters import FACTS, MARKDOWN, MJML, column, compiled, facts, held, problems, sent, text


def test_a_compiled_email_survives_being_stored() -> None:
    email = compiled(replace(MARKDOWN, kind=Kind.MARKETING, reply_to="help@acme.test"))
    assert Compiled.from_json(json.loads(json.dumps(email.to_json()))) == email


def test_markdown_becomes_html_and_plain_text() -> None:
    body = (
        "# Hi {{ contact.firstName }}\n\nSome **bold** words and [a link](https://acme.test/?a=1&b=2).\n\n- one\n- two"
    )
    mail = sent(replace(MARKDOWN, body=body))
    assert re.search(r"<h1[^>]*>Hi Alice</h1>", mail.html)
    assert "<strong>bold</strong>" in mail.html
    assert 'href="https://acme.test/?a=1&amp;b=2"' in mail.html
    assert mail.text.startswith("Hi Alice\n\nSome bold words and a link: https://acme.test/?a=1&b=2.\n\n- one\n- two")


def test_a_markdown_link_titled_button_is_a_button() -> None:
    body = 'Please pay.\n\n[Pay {{ event.amountPaidDisplay }}]({{ event.invoiceUrl }} "button")'
    mail = sent(replace(MARKDOWN, body=body))
    assert re.search(
        r'<a href="https://invoice.example/i/1\?a=1&amp;b=2"[^>]*border-radius[^>]*>Pay €19.99</a>', mail.html
    )
    assert "Pay €19.99: https://invoice.example/i/1?a=1&b=2" in mail.text


BUTTON_IF_THERE_IS_A_LINK = """Before

{% if event.invoiceUrl %}
[Pay]({{ event.invoiceUrl }} "button")
{% else %}
No link
{% endif %}

After"""


def test_liquid_around_markdown_blocks_keeps_or_drops_them_whole() -> None:
    draft = replace(MARKDOWN, body=BUTTON_IF_THERE_IS_A_LINK)
    with_link, without = sent(draft), sent(draft, facts(invoiceUrl=None))
    assert "Pay</a>" in with_link.html
    assert "No link" not in with_link.html
    assert "Pay</a>" not in without.html
    assert "No link" in without.html
    assert without.text.startswith("Before\n\nNo link\n\nAfter")
    assert _balanced(with_link.html)
    assert _balanced(without.html)


def test_a_loop_makes_one_list_and_rows_of_one_table() -> None:
    body = (
        "{% for item in event.lineItems %}\n- {{ item.description }}\n{% endfor %}\n\n"
        "| Item | Number |\n|---|---|\n{% for item in event.lineItems %}\n"
        "| {{ item.description }} | {{ item.quantity }} |\n{% endfor %}\n"
    )
    mail = sent(replace(MARKDOWN, body=body))
    assert mail.html.count("<ul") == 1
    assert mail.html.count("<li") == 2
    assert re.search(r"R&amp;D &lt;pack&gt;</td>\s*<td[^>]*>1</td>", mail.html)
    assert mail.text.startswith("- Seats\n- R&D <pack>\n\nItem: Number\nSeats: 2\nR&D <pack>: 1")
    assert _balanced(mail.html)


def test_html_in_markdown_is_shown_not_run() -> None:
    mail = sent(replace(MARKDOWN, body="Hello <script>alert(1)</script> <b>x</b>"))
    assert "<script" not in mail.html
    assert "&lt;script&gt;" in mail.html


BETWEEN_ELEMENTS = """<mjml><mj-body>
{% for i in event.lineItems %}<mj-section><mj-column><mj-text>S {{ i.description }}</mj-text></mj-column></mj-section>
{% endfor %}
<mj-wrapper>{% if event.missing %}<mj-section><mj-column><mj-text>never</mj-text></mj-column></mj-section>{% endif %}
<mj-section>{% if event.invoiceUrl %}<mj-column><mj-text>left</mj-text></mj-column>{% endif %}
<mj-column>{% unless event.missing %}<mj-text>right</mj-text>{% endunless %}
<mj-table>{% for i in event.lineItems %}<tr><td>{{ i.description }}</td><td>{{ i.quantity }}</td></tr>{% endfor %}
</mj-table></mj-column></mj-section></mj-wrapper>
</mj-body></mjml>"""


@pytest.mark.parametrize("inlined", [False, True])
def test_liquid_stands_between_mjml_elements_of_every_level(inlined: bool) -> None:
    style = '<mj-head><mj-style inline="inline">td { color: red }</mj-style></mj-head>' if inlined else ""
    mail = sent(replace(MJML, body=BETWEEN_ELEMENTS.replace("<mjml>", "<mjml>" + style)))
    assert mail.html.count(">S ") == 2
    assert "never" not in mail.html
    assert "left" in mail.html
    assert "right" in mail.html
    assert re.search(r"<tr>\s*<td[^>]*>R&amp;D &lt;pack&gt;</td>", mail.html)
    assert _balanced(mail.html)
    assert mail.text.startswith("S Seats\n\nS R&D <pack>\n\nleft\n\nright\n\nSeats: 2\nR&D <pack>: 1")


def _balanced(html: str) -> bool:
    """Whether tables nest, for those who read Outlook's conditional comments and for those who do not."""
    outlook = re.sub(r"<!--\[if !mso[^>]*><!-->|<!--<!\[endif\]-->|<!--\[if [^\]]*\]>|<!\[endif\]-->", "", html)
    others = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    return all(_nests(form) for form in (outlook, others))


def _nests(html: str) -> bool:
    opened: list[str] = []
    for close, name in re.findall(r"<(/?)(table|tbody|tr|td|div|ul|li)\b", html):
        if not close:
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    return not opened


def test_quotes_backslashes_and_joiners_in_attributes_reach_the_reader_unchanged() -> None:
    image = "<mj-image src='https://acme.test/a.png' alt='say \"hi\" \\o/ 👩\u200d💻 {{ contact.firstName }}' />"
    mail = sent(replace(MJML, body=column(f"{image}<mj-text>x <a title='a\nb' href='https://a.test'>l</a></mj-text>")))
    assert 'alt="say &quot;hi&quot; \\o/ 👩\u200d💻 Alice"' in mail.html
    assert "title='a\nb'" in mail.html


def test_what_begins_a_link_must_be_an_address() -> None:
    draft = replace(MJML, body=text('<a href="{{ event.site }}">site</a>'))
    for good in ("https://x.test/?q=1", "mailto:a@b.test", "tel:+4712345678"):
        assert f'href="{good}"' in sent(draft, facts(site=good)).html
    for bad in (
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.test",
        "java\nscript:x",
        "x",
    ):
        assert "does not begin with https://" in held(draft, facts(site=bad))


def test_an_address_cannot_leave_its_attribute_or_its_style() -> None:
    evil = facts(site="https://x.test/\"onmouseover='x' (a)\\")
    body = text('<a href="{{ event.site }}">x</a>').replace(
        "<mj-section>", '<mj-section background-url="{{ event.site }}">'
    )
    html = sent(replace(MJML, body=body), evil).html
    assert "onmouseover='" not in html
    assert '"onmouseover' not in html
    assert "url('https://x.test/%22onmouseover=%27x%27%20%28a%29%5C')" in html


def test_a_value_in_a_style_cannot_end_it() -> None:
    draft = replace(MJML, body=column('<mj-text color="{{ event.colour }}">x</mj-text>'))
    assert "color:#ff0000" in sent(draft, facts(colour="#ff0000")).html
    assert "inside a style" in held(draft, facts(colour="red;background:url(https://evil.test)"))
    style = "<mjml><mj-head><mj-style>.a{color:{{ event.colour }}}</mj-style></mj-head><mj-body><mj-section><mj-column>"
    inside = replace(MJML, body=style + "<mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>")
    assert "inside a style" in held(inside, facts(colour="</style><script>"))


def test_a_link_with_its_own_scheme_takes_any_escaped_value() -> None:
    draft = replace(MJML, body=text('<a href="https://acme.test/?q={{ event.q | url_encode }}">x</a>'))
    assert 'href="https://acme.test/?q=a%22b+c"' in sent(draft, facts(q='a"b c')).html


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("<mjml>\n<mj-body>\n<mj-sektion></mj-sektion></mj-body></mjml>", 3, "There is no element <mj-sektion>"),
        (column("\n<mj-text>\n<b>x</mj-text>"), 3, "<b> is not closed before </mj-text>"),
        (column("<mj-text>x</mj-text>").replace("</mjml>", ""), 1, "<mjml> is never closed"),
        (text("\n\n<script>alert(1)</script>x"), 3, "<script>: Mail programs do not run scripts"),
        (text('<a href="https://a.test"\nonclick="x()">x</a>'), 2, "onclick: mail programs do not run scripts"),
        (text('<iframe srcdoc="x"></iframe>x'), 1, "<iframe>: Mail programs do not show frames"),
        (text('<a href="java script:alert(1)">x</a>'), 1, "href: only http, https, mailto and tel"),
        (
            text('x<meta http-equiv="refresh" content="0;url=https://evil.test" />'),
            1,
            "A message cannot send its reader",
        ),
        (column("hello <mj-text>x</mj-text>"), 1, "Text cannot stand directly in <mj-column>"),
        (column("<mj-text>x</mj-text><mj-column></mj-column>"), 1, "<mj-column> cannot stand directly in <mj-column>"),
        (text("{% if event.a %}<b>{% endif %}x</b>"), 1, "{% endif %} must stand in the same element"),
        (text("<b {% if event.a %}class='x'{% endif %}>x</b>"), 1, "Liquid can stand inside an attribute's value"),
        (text("x <mj-include path='/etc/passwd' />"), 1, "<mj-include>: Files cannot be included"),
        (text("1 < 2"), 1, "This < begins no element"),
        (text("\n{% if event.a %}x"), 2, "Expected tag endif"),
        (text("\n{{ customer.name }}"), 2, "There is no customer.name"),
        (text("{% raw %}{{ x }}{% endraw %}"), 1, "The tag raw is not available"),
        (text("{{ unsubscribe_url }}"), 1, "Only marketing emails"),
        ("hello", 1, "Text cannot stand directly in the document"),
        ("", None, "The email has no words"),
        (column("<mj-image src='https://a.test/a.png' />"), None, "The email has no words"),
    ],
)
def test_a_problem_is_named_with_its_line(body: str, line: int | None, message: str) -> None:
    found = problems(replace(MJML, body=body))
    assert [(p.line, p.message) for p in found if p.message.startswith(message)][:1] == [
        (line, next(p.message for p in found if p.message.startswith(message)))
    ], found


def test_problems_of_the_other_fields_are_found_too() -> None:
    draft = replace(MARKDOWN, subject="{{ contact.firstName | shout }}", preview="{% if %}", from_name="{{ me.name }}")
    assert [problem.field for problem in problems(draft)] == ["subject", "preview", "from_name"]
    assert problems(replace(MARKDOWN, subject=" "))[0].message == "Write a subject"


def test_advice_does_not_keep_an_email_from_being_published() -> None:
    body = text('<form action="https://a.test">x</form> <a href="/pricing">y</a> {{ event.note }} <a href="">z</a>')
    draft = replace(MJML, body=body)
    found = check(draft)
    assert all(problem.warning for problem in found)
    said = " ".join(problem.message for problem in found)
    for expected in ("<form>", "not a whole address", "Without event.note the message is held", "href is empty"):
        assert expected in said
    assert compiled(draft)


def test_a_very_long_email_gets_advice_and_an_endless_one_is_refused() -> None:
    assert any("102 kB" in problem.message for problem in check(replace(MJML, body=text("word " * 25_000))))
    assert "longer than" in problems(replace(MJML, body=text("x" * 400_000)))[0].message


def _marketing(body: str) -> Draft:
    return replace(MJML, kind=Kind.MARKETING, body=body)


def test_marketing_ends_with_an_address_and_a_way_out() -> None:
    mail = sent(_marketing(text("News")))
    assert "1 Main St<br />\n0150 Oslo" in mail.html
    assert 'href="https://mail.acme.test/unsubscribe/1.2.3?x=1&amp;y=2"' in mail.html
    assert mail.text.endswith(
        "--\nAcme\n1 Main St\n0150 Oslo\nUnsubscribe: https://mail.acme.test/unsubscribe/1.2.3?x=1&y=2"
    )


def test_an_unsubscribe_link_of_the_authors_own_replaces_ours() -> None:
    mail = sent(_marketing(text('News. <a href="{{ unsubscribe_url }}">No more</a>')))
    assert mail.html.count("/unsubscribe/") == 1
    assert mail.text.count("/unsubscribe/") == 1
    assert "0150 Oslo" in mail.html


@pytest.mark.parametrize(
    "hidden", ["<!-- {{ unsubscribe_url }} -->", "{% comment %}{{ unsubscribe_url }}{% endcomment %}"]
)
def test_an_unsubscribe_link_in_a_comment_does_not_count(hidden: str) -> None:
    mail = sent(_marketing(text(f"News {hidden}")))
    assert ">Unsubscribe</a>" in mail.html
    assert "Unsubscribe: " in mail.text


def test_transactional_says_who_sends_and_offers_no_way_out() -> None:
    mail = sent(replace(MJML, body=text("Paid")))
    assert "Sent by Acme" in mail.html
    assert mail.text.endswith("--\nSent by Acme")
    assert "nsubscribe" not in mail.html + mail.text


def test_the_preview_text_is_hidden_in_the_body_and_the_subject_is_its_title() -> None:
    mail = sent(
        replace(MJML, subject='"Hi" & {{ contact.firstName }}', preview="1 < 2 {{ contact.firstName }}", body=text("x"))
    )
    assert re.search(r'<div style="display:none[^>]*>1 &lt; 2 Alice', mail.html)
    assert '<title>"Hi" &amp; Alice</title>' in mail.html
    assert mail.html.count("<title>") == 1
    assert mail.preview == "1 < 2 Alice"


def test_an_mj_preview_of_the_authors_own_is_kept() -> None:
    body = text("x").replace(
        "<mjml>",
        "<mjml><mj-head><mj-title>T</mj-title><mj-preview>Own &amp; {{ contact.firstName }}</mj-preview></mj-head>",
    )
    mail = sent(replace(MJML, body=body))
    assert mail.preview == "Own & Alice"
    assert "<title>T</title>" in mail.html


def test_nothing_is_fetched_to_read_an_email_without_images() -> None:
    html = sent(replace(MARKDOWN, body="Hello")).html
    assert not re.search(r"""<(link|img)|@import|url\(|src=""", html)


def test_comments_of_the_author_do_not_leave() -> None:
    mail = sent(replace(MJML, body=text("x <!-- secret --> {% comment %}secret{% endcomment %}{% # secret %}y")))
    assert "secret" not in mail.html + mail.text


def test_hostile_sources_give_problems_not_exceptions() -> None:
    for body in (
        "<" * 5000,
        "{{" * 5000,
        "{%" * 3000,
        "<mjml>" * 900,
        "\x00\ud800",
        "</a>" * 900,
        "{% if a %}" * 900,
        "a\ue0009\ue001",
    ):
        for form in Format:
            assert check(replace(MARKDOWN, body=body, format=form)), body[:10]


def test_the_same_facts_give_the_same_email() -> None:
    draft = _marketing(BETWEEN_ELEMENTS)
    assert sent(draft, FACTS) == sent(draft, FACTS)
