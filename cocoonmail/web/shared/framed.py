"""An email's HTML as an answer of its own, to be shown in a frame: fenced in, to look right and do nothing."""

from __future__ import annotations

from django.http import HttpResponse

# An email needs its inline styles and remote pictures; it gets no script, no form, no cookie and no address of ours.
# A frame's `srcdoc` would inherit the page's own policy and lose its styles: hence an address of its own.
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src 'self' https: http: data:; font-src https: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


def framed(html: str) -> HttpResponse:
    """The answer to a frame's request for an email's HTML, which may come from anybody."""
    headers = {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(html, headers=headers)
