"""A real browser for tests and screenshots: the system's Chromium, and what axe finds on a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

PATIENCE = 60_000  # Milliseconds until a test gives up
WIDTHS = (1280, 390)
EMAIL = """<html lang="en"><title>Thank you</title>
<body style="margin: 0; padding: 40px; font: 16px sans-serif; background: #f4f4f7">
<div style="background: #fff; padding: 32px; border-radius: 8px"><h1 style="margin: 0 0 16px">Thank you</h1>
<p>We received 49.00 EUR.</p><script>document.body.textContent = "a script ran"</script></div></body></html>"""
SCHEMES = ("light", "dark")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
expect.set_options(timeout=PATIENCE)
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def chromium() -> str:
    """The path of a Chromium, or "" where there is none. COCOONMAIL_CHROMIUM names another."""
    named = os.environ.get("COCOONMAIL_CHROMIUM", "")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium that is closed afterwards. Django's ORM may be used beside it, although Playwright runs a loop."""
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield opened
        finally:
            opened.close()


def window(opened: Browser, width: int = 1280, scheme: str = "light", **options: Any) -> Page:
    """A new window of its own session. Nothing moves in it, so that pictures and contrasts are those of the end."""
    context = opened.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def findings(page: Page) -> list[str]:
    """What axe-core finds on the page: a line each, with the element."""
    violations = Axe().run(page).response["violations"]
    return [f"{found['id']}: {node['html'][:160]}" for found in violations for node in found["nodes"]]


def serve_from_disk(page: Page, html: str, address: str = "http://catalogue.test") -> None:
    """Show a page that no server serves: its HTML, our static files, and our Content-Security-Policy."""
    # Not above: bin/screens imports this file before there are settings to read.
    from django.contrib.staticfiles import finders

    from cocoonmail.web.shared.framed import framed
    from cocoonmail.web.shared.middleware import POLICY

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(address).split("?")[0]
        if path == "/email":
            fenced = framed(EMAIL)
            route.fulfill(body=fenced.content, headers=dict(fenced.headers))
            return
        if not path.startswith("/static/"):
            route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY})
            return
        found = finders.find(path.removeprefix("/static/"))
        if not isinstance(found, str):
            route.fulfill(status=404)
            return
        route.fulfill(body=Path(found).read_bytes(), content_type=TYPES[Path(found).suffix])

    page.route("**/*", answer)
    page.goto(address + "/loops")
