"""Access tokens for XOAUTH2: a refresh token is traded for one (RFC 6749 §6), which is kept until it nearly ends."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from typing import Any, TypeAlias, cast
from urllib.parse import SplitResult, urlencode, urlsplit
from weakref import WeakKeyDictionary

import msgspec

from cocoonmail.transports.base import printable
from cocoonmail.transports.options import OAuth
from cocoonmail.transports.smtp.conversation import MASK

ANSWER_SECONDS = 10.0  # From the name's look-up to the answer's last byte
ANSWER_MAX = 64 * 1024  # Bytes
EARLY_SECONDS = 60  # Before its end a token is not used any more
LIFE_SECONDS = 600  # Of a token whose answer does not tell (RFC 6749 §5.1 leaves it open)
LIFE_MAX = 86_400  # Seconds
TROUBLE_SECONDS = 5.0  # In which a server that gave none is not asked again
SOURCES_MAX = 1000  # That one event loop remembers
BEARER = re.compile(r"[\x21-\x7e]{1,8192}", re.ASCII)

# What the provider's error code (RFC 6749 §5.2) means for the person who set the transport up.
WHAT_TO_DO: Mapping[str, str] = {
    "invalid_grant": "The refresh token is no longer good: allow access once more, and enter the new one.",
    "invalid_client": "The client's id or secret is wrong.",
    "unauthorized_client": "The client's id or secret is wrong, or is not allowed to do this.",
    "invalid_scope": "The refresh token was not made for sending mail.",
}


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, good until then on the event loop's clock. `refresh` is the refresh token to use next."""

    text: str = field(repr=False)
    until: float
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoToken:
    """None was given, and none is asked for until then. `words` are a sentence without anything secret."""

    words: str
    until: float


Answer: TypeAlias = Token | NoToken


@dataclass(frozen=True, slots=True)
class Source:
    """Where tokens come from, and what they are traded for."""

    oauth: OAuth
    refresh_token: str = field(repr=False)


class Keeper:
    """The latest answer of one source. Whoever needs a token while one is asked for waits for that one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._asking = asyncio.Lock()
        self._latest: Answer | None = None
        self._refresh = source.refresh_token

    async def answer(self) -> Answer:
        """A token that is good for now, or why there is none."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if self._latest is None or now >= self._latest.until:
                self._latest = await trade(self._source.oauth, self._refresh)
            if isinstance(self._latest, Token):
                self._refresh = self._latest.refresh
            return self._latest

    def forget(self) -> None:
        """Ask anew next time: a mail server did not take the token."""
        self._latest = None


_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Source, Keeper]] = WeakKeyDictionary()


def keeper(source: Source) -> Keeper:
    """The running loop's keeper of this source's tokens."""
    kept = _keepers.setdefault(asyncio.get_running_loop(), {})
    if source not in kept:
        if len(kept) >= SOURCES_MAX:
            del kept[next(iter(kept))]
        kept[source] = Keeper(source)
    return kept[source]


async def trade(oauth: OAuth, refresh_token: str) -> Answer:
    """Ask the provider for an access token. Every trouble is an answer, never an exception."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": oauth.client_id}
    if oauth.client_secret:
        form["client_secret"] = oauth.client_secret
    url = urlsplit(oauth.token_url)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            status, body = await _post(url, urlencode(form).encode())
        token = _token(status, body, refresh_token, loop.time())
    except (TimeoutError, OSError, UnicodeError, HTTPException) as trouble:
        token = _link_trouble(trouble)
    if isinstance(token, Token):
        return token
    words = f"{url.hostname} gave no access token: {token}"
    return NoToken(_masked(words, refresh_token, oauth.client_secret), loop.time() + TROUBLE_SECONDS)


async def _post(url: SplitResult, body: bytes) -> tuple[int, bytes]:
    """One POST over a connection of its own: no proxy, no redirects. Returns the status and the answer's body."""
    secure = url.scheme == "https"
    context = ssl.create_default_context() if secure else None
    reader, writer = await asyncio.open_connection(url.hostname, url.port or (443 if secure else 80), ssl=context)
    try:
        writer.write(_request(url, body))
        return _read(await _all_of(reader))
    finally:
        writer.transport.abort()


def _request(url: SplitResult, body: bytes) -> bytes:
    head = [
        f"POST {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1",
        f"Host: {url.netloc}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "Accept: application/json",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    heard = b""
    while piece := await reader.read(ANSWER_MAX):
        heard += piece
        if len(heard) > ANSWER_MAX:
            raise HTTPException("the answer is too long")
    return heard


class _Heard:
    """Bytes in the place of the socket that `http.client` reads an answer from."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._raw)


def _read(raw: bytes) -> tuple[int, bytes]:
    answer = HTTPResponse(cast(Any, _Heard(raw)), method="POST")
    answer.begin()
    return answer.status, answer.read()


def _token(status: int, body: bytes, refresh_token: str, now: float) -> Token | str:
    """The token in the answer (RFC 6749 §5.1), or what it says instead (§5.2), in words."""
    said = _json(body)
    text = said.get("access_token")
    if status != 200 or "error" in said:
        return _error(status, said)
    if not isinstance(text, str) or not BEARER.fullmatch(text):
        return "its answer has none."
    refresh = said.get("refresh_token")
    return Token(text, now + _life(said.get("expires_in")), refresh if isinstance(refresh, str) else refresh_token)


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _life(expires_in: object) -> float:
    """Seconds for which a token is used. Some providers write the number as a text."""
    try:
        seconds = min(int(cast(Any, expires_in)), LIFE_MAX)
    except (TypeError, ValueError, OverflowError):
        seconds = LIFE_SECONDS
    return max(seconds - EARLY_SECONDS, seconds / 2)


def _error(status: int, said: Mapping[str, Any]) -> str:
    code = printable(str(said.get("error", "")), 60)
    if not code:
        return f"it answered HTTP {status}."
    described = printable(str(said.get("error_description", "")), 200)
    return " ".join(filter(None, [f"{code}.", described, WHAT_TO_DO.get(code, "")]))


def _link_trouble(trouble: Exception) -> str:
    match trouble:
        case TimeoutError():
            return f"it did not answer within {ANSWER_SECONDS:g} seconds."
        case ssl.SSLCertVerificationError():
            return f"its certificate cannot be verified ({trouble.verify_message})."
        case HTTPException():
            return "its answer is not HTTP."
        case _:
            return f"it could not be reached ({printable(str(trouble), 100)})."


def _masked(words: str, *secrets: str) -> str:
    for secret in filter(None, secrets):
        words = words.replace(secret, MASK)
    return printable(words)
