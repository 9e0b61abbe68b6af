"""Take screenshots of pages at each width and scheme, for people to look at: see bin/screens --help."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django
from playwright.sync_api import Browser, Page

from tests.browser import SCHEMES, WIDTHS, browser, chromium, findings, serve_from_disk, window

PATHS = [
    "/",
    "/loops",
    "/templates",
    "/audience",
    "/events",
    "/integrations",
    "/integrations/stripe",
    "/messages",
    "/settings",
    "/settings/limits",
    "/settings/keeping",
]


def main() -> None:
    """Read the command line, take the pictures, say what looks wrong; the exit status is 1 if anything does."""
    wanted = arguments()
    if not chromium():
        sys.exit(
            "No Chromium was found. Install one (Debian: apt install chromium), or name it in COCOONMAIL_CHROMIUM."
        )
    wanted.out.mkdir(parents=True, exist_ok=True)
    with browser() as opened:
        troubles = catalogue(opened, wanted.out) if wanted.catalogue else visit(opened, wanted)
    print("\n".join(troubles) or f"Nothing to find. The pictures are in {wanted.out}/.")
    sys.exit(bool(troubles))


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="bin/screens", description="Screenshots at 1280 and 390 px, light and dark, and axe-core's findings."
    )
    parser.add_argument("paths", nargs="*", default=PATHS, help="pages, such as /loops (default: every section)")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where Cocoonmail answers")
    parser.add_argument("--email", default="", help="sign in with this address; without it, pages for visitors")
    parser.add_argument("--password", default=os.environ.get("COCOONMAIL_PASSWORD", ""), help="or COCOONMAIL_PASSWORD")
    parser.add_argument("--out", type=Path, default=Path("screens"), help="the folder for the pictures")
    parser.add_argument(
        "--catalogue", action="store_true", help="the catalogue of components instead, without a server"
    )
    return parser.parse_args()


def visit(opened: Browser, wanted: argparse.Namespace) -> list[str]:
    """Every page of a running Cocoonmail in every width and scheme, in one session per pair."""
    troubles = []
    for width, scheme in every_way():
        page = window(opened, width, scheme, base_url=wanted.url)
        if wanted.email:
            sign_in(page, wanted.email, wanted.password)
        for path in wanted.paths:
            page.goto(path)
            troubles += take(page, wanted.out, path.strip("/").replace("/", "-") or "home", width, scheme)
        page.context.close()
    return troubles


def sign_in(page: Page, email: str, password: str) -> None:
    """Through the page, as a person does."""
    page.goto("/account/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    if "/login" in page.url:
        sys.exit(f"Signing in as {email} failed.")


def catalogue(opened: Browser, out: Path) -> list[str]:
    """The catalogue of components in every width and scheme."""
    html = catalogue_html()
    troubles = []
    for width, scheme in every_way():
        page = window(opened, width, scheme)
        serve_from_disk(page, html)
        troubles += take(page, out, "catalogue", width, scheme)
        page.context.close()
    return troubles


def catalogue_html() -> str:
    """The catalogue's HTML, drawn under the real settings over a data folder that nobody needs."""
    with tempfile.TemporaryDirectory() as data:
        os.environ.update(COCOONMAIL_DATA=data, DJANGO_SETTINGS_MODULE="cocoonmail.settings")
        django.setup()
        from tests.catalogue import render

        return render()


def every_way() -> list[tuple[int, str]]:
    """Each width in each scheme."""
    return [(width, scheme) for width in WIDTHS for scheme in SCHEMES]


def take(page: Page, out: Path, name: str, width: int, scheme: str) -> list[str]:
    """One picture of the whole page, and what is wrong with it: axe's findings, and anything wider than the window."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=out / f"{name}-{width}-{scheme}.png", full_page=True)
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    where = f"{name} {width} {scheme}"
    return [f"{where}: {found}" for found in findings(page)] + ([f"{where}: {wider} px too wide"] if wider > 0 else [])


if __name__ == "__main__":
    main()
