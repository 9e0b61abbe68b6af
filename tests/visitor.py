"""Somebody who looks at pages with nothing but HTTP, cookies and forms: for words on pages of real processes."""

from __future__ import annotations

import re
from html import unescape
from http.cookiejar import CookieJar
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, ProxyHandler, Request, build_opener

PATIENCE = 60.0  # Seconds
OWNER = {"name": "Alice", "email": "alice@acme.test", "password": "correct horse battery"}  # For the first form
TAGS = re.compile(r"(?s)<(script|style|head)\b.*?</\1>|<[^>]*>")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Page(NamedTuple):
    """What came: the status, the HTML and, as `words`, what a reader sees of it on one line."""

    status: int
    html: str

    @property
    def words(self) -> str:
        """The text without its tags."""
        return " ".join(unescape(TAGS.sub(" ", self.html)).split())


class Visitor:
    """A browser without a picture. Follows redirects, keeps cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()), HTTPRedirectHandler())

    def get(self, path: str) -> Page:
        """Look at a page."""
        return self._open(Request(self.url + path))

    def post(self, path: str, fields: dict[str, str]) -> Page:
        """Send a form, without looking at its page before."""
        return self._open(Request(self.url + path, urlencode(fields).encode(), {"Origin": self.url}))

    def fill_in(self, path: str, fields: dict[str, str]) -> Page:
        """Look at a page with one form that posts to the page itself, and send it."""
        shown = self.get(path)
        token = TOKEN.search(shown.html)
        assert token, f"{path} shows no form: {shown.words}"
        return self.post(path, {"csrfmiddlewaretoken": token[1], **fields})

    def _open(self, request: Request) -> Page:
        try:
            with self.opener.open(request, timeout=PATIENCE) as answer:
                return Page(answer.status, answer.read().decode())
        except HTTPError as refused:
            with refused:
                return Page(refused.code, refused.read().decode())
