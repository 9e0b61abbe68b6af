"""A provider's API on a loopback port: it answers as the provider documents, or fails as its script says."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.client import responses
from io import BufferedReader

RECEIPTS = {
    "ses": "010a0190a1b2c3d4-2f1e-000000",
    "postmark": "0a129aee-e1cd-480d-b08d-4f48548ff48d",
    "resend": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794",
    "mailgun": "<20160306015544.116301.25145@mg.acme.test>",
    "sendgrid": "14c5d75ce93.dfd.64b469",
    "brevo": "<201798300811.5787683@smtp-relay.mailin.fr>",
}


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """Its body."""
        read = json.loads(self.body)
        assert isinstance(read, dict)
        return read


@dataclass(frozen=True)
class Fault:
    """What the API does instead of taking the message. `label` is how docs/sending.md calls it."""

    label: str
    act: Callable[[Talk], None]
    reads: bool = True
    ends: bool = False  # The connection, too

    def __repr__(self) -> str:
        return self.label


@dataclass
class Gateway:
    """What it was told, and what it is to do: one fault a request, then it takes what comes."""

    provider: str
    faults: list[Fault] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class Talk:
    """One connection to the API."""

    def __init__(self, gateway: Gateway, link: socket.socket) -> None:
        self.gateway = gateway
        self.link = link

    def run(self) -> None:
        """Answer each request until the client is gone."""
        with self.link, suppress(OSError, ssl.SSLError):
            reader = self.link.makefile("rb")
            while self._request(reader):
                pass

    def _request(self, reader: BufferedReader) -> bool:
        faults = self.gateway.faults
        if faults and not faults[0].reads:
            faults.pop(0).act(self)
            return False
        line = reader.readline().decode().split()
        if not line:
            return False
        fault = faults.pop(0) if faults else TAKE
        headers = BytesParser().parsebytes(b"".join(iter(reader.readline, b"\r\n")))
        body = reader.read(int(headers.get("Content-Length", 0)))
        self.gateway.heard.append(Heard(line[0], line[1], headers, body))
        fault.act(self)
        return not fault.ends

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        self.link.sendall(head(status, len(body), headers) + body)


def head(status: int, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """An answer's head."""
    lines = [f"HTTP/1.1 {status} {responses.get(status, 'Odd')}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **(headers or {})}.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def taken(provider: str) -> tuple[int, bytes, dict[str, str]]:
    """How each provider documents that it has taken a message."""
    receipt = RECEIPTS[provider]
    bodies: dict[str, object] = {
        "ses": {"MessageId": receipt},
        "postmark": {"To": "a@b.test", "SubmittedAt": "", "MessageID": receipt, "ErrorCode": 0, "Message": "OK"},
        "resend": {"id": receipt},
        "mailgun": {"id": receipt, "message": "Queued. Thank you."},
        "brevo": {"messageId": receipt},
    }
    if provider == "sendgrid":
        return 202, b"", {"X-Message-Id": receipt}
    return 201 if provider == "brevo" else 200, json.dumps(bodies[provider]).encode(), {}


def refused(provider: str, status: int, code: str, text: str) -> tuple[int, bytes, dict[str, str]]:
    """How each provider documents an error."""
    bodies: dict[str, object] = {
        "ses": {"message": text},
        "postmark": {"ErrorCode": int(code) if code.isdigit() else 0, "Message": text},
        "resend": {"statusCode": status, "name": code, "message": text},
        "mailgun": {"message": text},
        "sendgrid": {"errors": [{"message": text, "field": None, "help": None}]},
        "brevo": {"code": code, "message": text},
    }
    return status, json.dumps(bodies[provider]).encode(), {"x-amzn-ErrorType": code} if provider == "ses" else {}


def say(status: int, code: str = "", text: str = "") -> Fault:
    """Answer this error, in the provider's form."""
    label = f"`{status}`" + (f" `{code}`" if code else "") + (f" {text}" if text else "")
    return Fault(label, lambda talk: talk.answer(*refused(talk.gateway.provider, status, code, text or "Error")))


def _reset(talk: Talk) -> None:
    talk.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(talk.link.detach())


def _cut_off(words: bytes) -> Callable[[Talk], None]:
    def act(talk: Talk) -> None:
        talk.link.sendall(words)
        talk.link.shutdown(socket.SHUT_RDWR)

    return act


def _hang(talk: Talk) -> None:
    talk.gateway.over.wait(20)


def _half(talk: Talk) -> None:
    status, body, headers = taken(talk.gateway.provider)
    talk.link.sendall(head(status, 2000, headers) + body[: len(body) // 2])
    talk.link.shutdown(socket.SHUT_RDWR)


TAKE = Fault("takes it", lambda talk: talk.answer(*taken(talk.gateway.provider)))
CLOSE_UNREAD = Fault(
    "closes before it reads the request", lambda talk: talk.link.shutdown(socket.SHUT_RDWR), reads=False
)
CLOSE = Fault("reads the request and closes", lambda talk: talk.link.shutdown(socket.SHUT_RDWR), ends=True)
RESET = Fault("reads the request and resets", _reset, ends=True)
HANG = Fault("never answers", _hang, ends=True)
HALF_HEAD = Fault("answers half a head", _cut_off(b"HTTP/1.1 20"), ends=True)
HALF_BODY = Fault("answers half a body", _half, ends=True)
NO_HTTP = Fault("`SSH-2.0-OpenSSH_9.6`", _cut_off(b"SSH-2.0-OpenSSH_9.6\r\n"), ends=True)
WEB_PAGE = Fault("`200` and a web page", lambda talk: talk.answer(200, b"<h1>Welcome to the hotel</h1>"))


@contextmanager
def gateway(provider: str, *faults: Fault, tls: ssl.SSLContext | None = None) -> Iterator[Gateway]:
    """A provider's API, in threads of its own."""
    told = Gateway(provider, list(faults))
    listener = socket.create_server(("127.0.0.1", 0))
    told.port = listener.getsockname()[1]
    thread = threading.Thread(target=_serve, args=(told, listener, tls))
    thread.start()
    try:
        yield told
    finally:
        told.over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listener.close()


def _serve(told: Gateway, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            link, _ = listener.accept()
            told.connections += 1
            threading.Thread(target=_talk, args=(told, link, tls), daemon=True).start()


def _talk(told: Gateway, link: socket.socket, tls: ssl.SSLContext | None) -> None:
    try:
        link = tls.wrap_socket(link, server_side=True) if tls else link
    except OSError:
        link.close()
        return
    Talk(told, link).run()
