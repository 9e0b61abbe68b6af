"""The way from outside: whether COCOONMAIL_URL leads here, and what a proxy in between makes of requests."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from cocoonmail.intake.door import BODY_MAX, PREFIX
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning

PATIENCE = 10.0  # Seconds
ANSWER_MAX = 64 * 1024  # Bytes
INVENTED = "192.0.2.77"  # RFC 5737: nobody's address
HOOK = f"{PREFIX}doctor/nobody"  # No endpoint's


@dataclass(frozen=True, slots=True)
class Said:
    """What was answered: status 0 and the trouble where nothing was; `content` is the JSON, if there is any."""

    status: int
    words: str = ""
    location: str = ""
    content: Any = None


def proxy() -> Iterator[Finding]:
    """Ask ourselves from outside, by the address that people and platforms use."""
    url = settings.BASE_URL
    if url.startswith("https://") and not settings.TRUSTED_PROXIES:
        yield problem(
            "proxy",
            f"{url} is https, so a proxy stands before us; but none is trusted, and everybody has the proxy's address.",
            "Set COCOONMAIL_TRUSTED_PROXIES=1, or how many there are.",
        )
    said = ask(url, "GET", "/readyz")
    yield reached(url, said)
    if isinstance(said.content, dict) and "ready" in said.content:
        yield from forwarded(ask(url, "GET", "/healthz", {"X-Forwarded-For": INVENTED}), url.startswith("https://"))
        yield hooks(ask(url, "POST", HOOK, body=b"{}"))
        yield large(ask(url, "POST", HOOK, body=b" " * BODY_MAX))


def reached(url: str, said: Said) -> Finding:
    """Whether the address leads to us, and we are ready."""
    if not said.status:
        remedy = "Is the web process running, does the name resolve, and is the certificate valid?"
        return problem("proxy", f"Nobody answers at {url}: {said.words}.", remedy)
    if said.location:
        words = f"{url}/readyz is redirected to {said.location}."
        return problem("proxy", words, "Let COCOONMAIL_URL be the address that is reached in the end.")
    if not isinstance(said.content, dict) or "ready" not in said.content:
        words = f"{url} answers {said.status}, but that is not Cocoonmail."
        return problem("proxy", words, "Let the proxy hand everything to our port.")
    if said.status != 200:
        return problem("proxy", f"{url} is not ready: {' '.join(said.content['reasons'])}", "See the other findings.")
    return ok("proxy", f"{url} leads here and is ready.")


def forwarded(said: Said, secure: bool) -> Iterator[Finding]:
    """What is believed of X-Forwarded-*, by the request as the web process saw it."""
    seen = said.content.get("seen", {}) if isinstance(said.content, dict) else {}
    if secure and seen.get("scheme") != "https":
        yield problem(
            "proxy",
            "Requests that came by https look like http here.",
            "Let the proxy set X-Forwarded-Proto, and COCOONMAIL_TRUSTED_PROXIES be the number of proxies.",
        )
    if seen.get("client") == INVENTED:
        yield problem(
            "proxy",
            "Anybody can invent the address that they come from: more proxies are trusted than there are.",
            "Let COCOONMAIL_TRUSTED_PROXIES be the number of proxies that append to X-Forwarded-For.",
        )
    elif seen:
        yield ok("proxy", "Invented addresses are not believed.")


def hooks(said: Said) -> Finding:
    """Whether webhooks reach the door: a wrong address has to get the door's own answer."""
    if said.location:
        words = f"Webhooks are redirected to {said.location}, and senders do not follow."
        return problem("proxy", words, f"Let the proxy hand {PREFIX} through.")
    if not _by_the_door(said):
        words = f"Webhooks do not reach the door: {said.words or f'something else answers {said.status}'}."
        return problem("proxy", words, f"Let the proxy hand {PREFIX} through unchanged, by every method.")
    return ok("proxy", "Webhooks reach the door.")


def large(said: Said) -> Finding:
    """Whether a body of the largest size that the door takes gets to it."""
    if _by_the_door(said):
        return ok("proxy", f"Bodies of {BODY_MAX // 1024} KiB reach the door.")
    words = f"A body of {BODY_MAX // 1024} KiB does not reach the door ({said.words or said.status})."
    remedy = "Raise the proxy's limit to 1 MiB or more (nginx: client_max_body_size 2m)."
    return problem("proxy", words, remedy) if said.status == 413 else warning("proxy", words, remedy)


def _by_the_door(said: Said) -> bool:
    error = said.content.get("error") if isinstance(said.content, dict) else None
    return isinstance(error, dict) and error.get("code") == "unknown_endpoint"


def ask(url: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Said:
    """One request, without following where it is sent on to."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        _send(connection, method, path, headers or {}, body)
        return _read(connection.getresponse())
    except ssl.SSLError as error:
        return Said(0, f"the certificate or TLS is wrong ({error.reason or error})")
    except (OSError, http.client.HTTPException) as error:
        return Said(0, str(error) or type(error).__name__)
    finally:
        connection.close()


def _send(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> None:
    """An answer that comes before the body was taken is read all the same."""
    connection.connect()
    try:
        connection.request(method, path, body=body, headers=headers)
    except (BrokenPipeError, ConnectionResetError):
        if body is None:
            raise


def _read(answer: http.client.HTTPResponse) -> Said:
    text = answer.read(ANSWER_MAX)
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    moved = answer.headers.get("location", "") if 300 <= answer.status < 400 else ""
    return Said(answer.status, location=moved, content=content)
