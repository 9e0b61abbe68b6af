"""The inside of `bench growth`: people in plenty, then pages and processing among them; prints its figures as JSON."""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
from typing import NamedTuple

import django

django.setup()

from django.conf import settings  # noqa: E402 - needs the settings
from django.test import Client  # noqa: E402

from bench import processing  # noqa: E402
from bench.crowd import address, grow  # noqa: E402
from bench.result import CheckFailed, percentile  # noqa: E402
from cocoonmail.accounts.models import Member, Role, User, Workspace  # noqa: E402
from cocoonmail.contacts.models import Contact, Event  # noqa: E402
from cocoonmail.emails.models import Message, Status  # noqa: E402
from cocoonmail.intake.models import Endpoint  # noqa: E402

PAGE_WITHIN, FILTER_WITHIN = 150, 1000  # Milliseconds
OWNER = "owner@bench.test"
OLDER = re.compile(r'href="(\?[^"]*older=[^"]+)"')
TURNS = 10  # Pages that are turned


class Look(NamedTuple):
    """A page, and what must be on it or the look was none; `within` is in milliseconds."""

    name: str
    path: str
    shows: str
    within: int = PAGE_WITHIN


def looks(size: int) -> list[Look]:
    """Everything that people look at when there are so many contacts."""
    half = size // 2
    somebody, newest = address(half), address(size)
    contact, event = Contact.objects.latest("created_at", "pk"), Event.objects.latest("recorded_at", "pk")
    message = Message.objects.latest("created_at", "pk")
    return [
        Look("home", "/", "30 days"),
        Look("audience", "/audience", contact.email),
        Look("audience, a person", f"/audience?q={somebody}", somebody, FILTER_WITHIN),
        Look("audience, two words", f"/audience?q=First{half % 1000}+Last{half % 7919}", somebody, FILTER_WITHIN),
        Look("audience, nobody", "/audience?q=nobodyatall", "0 contacts", FILTER_WITHIN),
        Look("audience, everybody", "/audience?q=site", newest, FILTER_WITHIN),
        Look("audience, unsubscribed", "/audience?subscribed=no", "Unsubscribed", FILTER_WITHIN),
        Look("audience, a group", "/audience?group=Group+7", "Group 7", FILTER_WITHIN),
        Look("audience, a rare source", "/audience?source=Crowd+by+hand", "Crowd by hand", FILTER_WITHIN),
        Look("audience, test mode", "/audience?test=yes", "contacts", FILTER_WITHIN),
        Look("audience, stopped", "/audience?mail=stopped", "0 contacts", FILTER_WITHIN),
        Look("audience, not stopped", "/audience?mail=allowed", contact.email, FILTER_WITHIN),
        Look("events", "/events", event.contact.email),
        Look("events, a name", "/events?name=crowd3", "crowd3", FILTER_WITHIN),
        Look("events, a week", "/events?period=7", event.contact.email, FILTER_WITHIN),
        Look("events, a person", f"/events?q={somebody}", somebody, FILTER_WITHIN),
        Look("events, everybody", "/events?q=site", newest, FILTER_WITHIN),
        Look("messages", "/messages", message.to_email),
        Look("messages, skipped", "/messages?status=skipped", "Not sent", FILTER_WITHIN),
        Look("messages, a person", f"/messages?q={message.to_email}", message.to_email, FILTER_WITHIN),
        Look("loops", "/loops", "Paid"),
    ]  # fmt: skip


def main(size: int, port: int, webhooks: int, times: int) -> None:
    """Grow, look, process."""
    begin = time.perf_counter()
    grow(size)
    filled = time.perf_counter() - begin
    reader = Reader(port)
    pages = [reader.measure(look, times) for look in looks(size)]
    turned = reader.turn(times)
    rate = processed(size, webhooks)
    print(json.dumps({"filled": filled, "pages": [*pages, turned], "process": rate}))


class Reader:
    """Somebody who is logged in, over one connection that is kept."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={session()}"

    def measure(self, look: Look, times: int) -> dict[str, object]:
        """A page, looked at so many times."""
        took = [self.look(look)[1] for _ in range(times)]
        return figures(look.name, look.within, took)

    def turn(self, times: int) -> dict[str, object]:
        """The pages of the audience one after the other, as far as there are any."""
        took, look = [], Look("audience, turned", "/audience", "contacts")
        for _ in range(max(times, TURNS)):
            page, seconds = self.look(look)
            took.append(seconds)
            found = OLDER.search(page)
            if found is None and look.path == "/audience":
                raise CheckFailed("The first page of the audience leads to no older one.")
            look = look._replace(path=f"/audience{found[1] if found else ''}")
        return figures(look.name, look.within, took)

    def look(self, look: Look) -> tuple[str, float]:
        """The page and the milliseconds until it was here."""
        begin = time.perf_counter()
        self.connection.request("GET", look.path, headers={"Cookie": self.cookie})
        answer = self.connection.getresponse()
        page = answer.read().decode()
        took = (time.perf_counter() - begin) * 1000
        if answer.status != 200 or look.shows not in page:
            raise CheckFailed(f"{look.path} was answered {answer.status} and does not show {look.shows!r}.")
        return page, took


def figures(name: str, within: int, took: list[float]) -> dict[str, object]:
    """As a result takes them."""
    shares = {f"p{share}": percentile(took, share / 100) for share in (50, 95, 99)}
    return {"name": name, "within": within, "rows_checked": len(took), **shares}


def session() -> str:
    """The session of the owner, who is made where there is none."""
    user = User.objects.filter(email=OWNER).first() or User.objects.create_user(OWNER)
    Member.objects.get_or_create(workspace=Workspace.objects.get(), user=user, defaults={"role": Role.OWNER})
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def processed(size: int, webhooks: int) -> float:
    """Webhooks of new customers processed per second. What they set off is held, so that nobody sends it."""
    processing.fill(Endpoint.objects.get(), size, webhooks)
    before = processing.made()
    rate = processing.rate(processing.process, webhooks)
    processing.check_made(before, webhooks)
    Message.objects.filter(status=Status.QUEUED).update(status=Status.HELD, due_at=None)
    return rate


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
