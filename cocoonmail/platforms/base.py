"""What every platform offers: a way to verify a request, to understand what it announces, and to read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from cocoonmail.contacts.changes import Reading

Payload: TypeAlias = Mapping[str, Any]


class Verified(NamedTuple):
    """The request was signed with one of the secrets. `age` is its signature's age in seconds, negative if ahead."""

    age: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The request is not to be believed. `code` is stable, `message` tells the sender's owner what to fix.

    `final` where no other secret could have made it right, so that there is no need to look for a newer one.
    """

    code: str
    message: str
    final: bool = False


Verdict: TypeAlias = Verified | Rejected


class Announcement(NamedTuple):
    """What an authentic body says it is, before anything in it is interpreted.

    `created` is in whole seconds since 1970. `thin` marks a body that only points at its object.
    """

    id: str
    type: str
    created: int
    livemode: bool
    account: str
    api_version: str
    thin: bool = False


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of payload that the platform can read, as the endpoint's page offers it.

    `suggested` is the event name the form proposes; `removal` is true where the person was deleted at the platform.
    """

    name: str
    title: str
    about: str
    suggested: str
    read: Callable[[Announcement, Payload], Reading]
    removal: bool = False


class Rehearse(Protocol):
    """Makes a request as the platform would send it: the raw body, and the headers that it signs it with.

    `now` is in whole seconds since 1970, `token` random. The person of one email is one customer; with `again`, what
    can happen to a customer only once happens to a new object of that person.
    """

    def __call__(
        self, event_type: str, *, email: str, name: str, now: int, livemode: bool, token: str, secret: str, again: bool
    ) -> tuple[bytes, Mapping[str, str]]:
        """The raw body and the headers."""


class Question(NamedTuple):
    """A GET request to the platform's API: below its address, with these parameters and headers."""

    path: str
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Events of the past, newest first: each one's body. `after` is where the next page begins, "" at the end."""

    bodies: Sequence[bytes]
    after: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """The platform did not answer, and is to be asked again; after so many seconds where it says when."""

    reason: str
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """How to read a platform's events of the past, as many `days` back as it keeps them.

    `key_title` is what the API's key is called and `key_help` where to find one. `complaint(key)` says why a text can
    be no such key, "" where it can. `ask(key, since, after, types)` is the request for a page and
    `understand(status, headers, body)` what its answer means, header names in lower case. settings.PLATFORM_APIS says
    where the API is.
    """

    days: int
    key_title: str
    key_help: str
    complaint: Callable[[str], str]
    ask: Callable[[str, int, str, Collection[str]], Question]
    understand: Callable[[int, Mapping[str, str], bytes], HistoryPage | NotNow | Rejected]


@dataclass(frozen=True, slots=True)
class Platform:
    """One system whose webhooks we understand. Pure: it knows bytes and values, no tables and no network.

    `verify(headers, body, secrets, now)` takes lower-case header names and the raw body; `announce(body)` returns an
    Announcement or a Rejected; `events` is the explicit list of the types it reads. `secret_prefix` is what its signing
    secrets begin with; `rehearse` makes sample requests, None where nobody wrote samples; `history` is None where the
    platform gives no past events out.
    """

    name: str
    title: str
    contact_source: str
    kept_headers: Sequence[str]
    verify: Callable[[Mapping[str, bytes], bytes, Sequence[bytes], int], Verdict]
    announce: Callable[[bytes], Announcement | Rejected]
    events: Mapping[str, EventType]
    secret_prefix: str = ""
    rehearse: Rehearse | None = None
    history: History | None = None
