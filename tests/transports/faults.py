"""What a mail server can do wrong at each command, and its one outcome: the table of docs/sending.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cocoonmail.transports.address import Security
from cocoonmail.transports.base import Accepted, Deferred, Outcome, Refused, Unknown
from cocoonmail.transports.smtp.scram import ITERATIONS_MAX, ITERATIONS_MIN
from tests.transports import login_faults as logins
from tests.transports import scripted as server
from tests.transports.scripted import Fault, say, say_and_hang_up, say_and_stop_reading

EHLO = "502 5.5.2 Command not recognized"
GONE = "421 4.3.2 Shutting down"
BUSY = (say("450 4.2.1 Try later"), say("451 4.3.0 Local error"), say("452 4.3.1 No space"))
NEVER = (say("550 5.1.1 No such user"), say("552 5.2.2 Mailbox full"), say("554 5.7.1 Spam"))
NONSENSE = say("HTTP/1.1 400 Bad Request")
BROKEN = (server.CLOSE, server.RESET)


@dataclass(frozen=True)
class Row:
    """At this point the server does one of these, and the outcome is this. `{answer}` is the server's answer."""

    when: str
    point: str
    faults: tuple[Fault, ...]
    outcome: Outcome
    security: Security = Security.NONE
    login: str = ""  # The mechanism that the server offers, where a login is required
    big: bool = False
    careless: bool = False
    starttls: bool = True


def slow(words: str) -> Deferred:
    """Deferred, and the trouble is not the message's."""
    return Deferred(words, slow_down=True)


def at_command(when: str, point: str, about: str, seconds: int) -> list[Row]:
    """The rows that MAIL FROM, RCPT TO and DATA share."""
    return [
        Row(when, point, (say_and_hang_up(GONE),), slow("The server ended the session: {answer}")),
        Row(
            when,
            point,
            (say("530 5.7.0 Authentication required"),),
            slow("The server wants a login or encryption first: {answer}"),
        ),
        Row(when, point, BUSY, Deferred(f"The server put off {about}: {{answer}}")),
        Row(when, point, NEVER, Refused(f"The server refused {about}: {{answer}}")),
        Row(when, point, BROKEN, slow(f"The connection was lost before the server answered {when}.")),
        Row(when, point, (server.STALL,), slow(f"{seconds} seconds passed before the server answered {when}.")),
        Row(when, point, (NONSENSE,), slow(f'The answer to {when} is not SMTP ("HTTP/1.1 400 Bad Request").')),
    ]


def at_scram() -> list[Row]:
    """The rows of a server that knows the password, or says so, by SCRAM-SHA-256."""
    unproven = "The server did not prove that it knows the password"
    limits = f"{ITERATIONS_MIN:,} to {ITERATIONS_MAX:,}"
    said = {
        logins.WRONG_SIGNATURE: f"{unproven}: its signature is wrong.",
        logins.NO_SIGNATURE: f"{unproven}: it let us in without a signature.",
        logins.ANOTHER_NONCE: "The server answered another login (SCRAM-SHA-256) than ours.",
        logins.ONE_ITERATION: f"The server asks for 1 iterations of SCRAM-SHA-256; we do from {limits}.",
        logins.MANY_ITERATIONS: f"The server asks for 9000000 iterations of SCRAM-SHA-256; we do from {limits}.",
        logins.NO_SCRAM: "The server's part of the login (SCRAM-SHA-256) cannot be read.",
        logins.ERROR: "The server refused the login: invalid-proof",
    }
    return [
        Row("AUTH SCRAM-SHA-256", "AUTH", (fault,), slow(words), login="SCRAM-SHA-256") for fault, words in said.items()
    ]


MAYBE = "The server may or may not have taken the message."
LOST_IN_TLS = slow("The connection was lost during the TLS handshake.")
ROWS = [
    Row(
        "greeting",
        "banner",
        (say_and_hang_up(GONE), say("554 5.7.1 No service")),
        slow("The server does not take mail now: {answer}"),
    ),
    Row("greeting", "banner", BROKEN, slow("The connection was lost before the server answered our connection.")),
    Row("greeting", "banner", (server.STALL,), slow("300 seconds passed before the server answered our connection.")),
    Row(
        "greeting",
        "banner",
        (NONSENSE,),
        slow('The answer to our connection is not SMTP ("HTTP/1.1 400 Bad Request").'),
    ),
    Row("EHLO", "EHLO", (say(EHLO),), Accepted(server.TAKEN)),
    Row(
        "EHLO",
        "EHLO",
        (say_and_hang_up(GONE), say("450 4.7.1 Who are you?")),
        slow("The server did not accept our greeting: {answer}"),
    ),
    Row("EHLO", "EHLO", BROKEN, slow("The connection was lost before the server answered EHLO.")),
    Row("EHLO", "EHLO", (server.STALL,), slow("300 seconds passed before the server answered EHLO.")),
    Row(
        "EHLO, STARTTLS being required",
        "EHLO",
        (say(EHLO),),
        slow("The server does not offer STARTTLS, and this transport is not to send in clear."),
        Security.STARTTLS,
    ),
    Row(
        "STARTTLS",
        "STARTTLS",
        (say("454 4.7.0 TLS not available"), say("502 5.5.1 Not here")),
        slow("The server did not begin TLS: {answer}"),
        Security.STARTTLS,
    ),
    Row(
        "STARTTLS",
        "STARTTLS",
        BROKEN,
        slow("The connection was lost before the server answered STARTTLS."),
        Security.STARTTLS,
    ),
    Row(
        "STARTTLS",
        "STARTTLS",
        (server.STALL,),
        slow("300 seconds passed before the server answered STARTTLS."),
        Security.STARTTLS,
    ),
    Row(
        "STARTTLS",
        "STARTTLS",
        (server.SPEAK_TWICE,),
        slow("The server sent more in clear after it agreed to STARTTLS; that may be an attack."),
        Security.STARTTLS,
    ),
    Row("TLS handshake", "handshake", BROKEN, LOST_IN_TLS, Security.STARTTLS),
    Row("TLS handshake", "handshake", (server.STALL,), LOST_IN_TLS, Security.STARTTLS),
    Row(
        "TLS handshake",
        "handshake",
        (server.SPEAK_NO_TLS,),
        slow("The server does not answer with TLS at this port. Choose STARTTLS, or another port."),
        Security.STARTTLS,
    ),
    Row(
        "EHLO, a login being required",
        "EHLO",
        (say(EHLO),),
        slow("The server offers no login here. Leave the user name empty, or choose another port."),
        login="PLAIN",
    ),
    Row(
        "AUTH",
        "AUTH",
        (say_and_hang_up(GONE), say("454 4.7.0 Temporary failure"), say("535 5.7.8 Wrong password")),
        slow("The server refused the login: {answer}"),
        login="PLAIN",
    ),
    Row("AUTH", "AUTH", BROKEN, slow("The connection was lost before the server answered AUTH."), login="PLAIN"),
    Row("AUTH", "AUTH", (server.STALL,), slow("300 seconds passed before the server answered AUTH."), login="PLAIN"),
    *at_scram(),
    Row(
        "AUTH XOAUTH2",
        "AUTH",
        (logins.REFUSE_TOKEN,),
        slow("The server refused the login: 535 5.7.8 Token expired"),
        login="XOAUTH2",
    ),
    *at_command("MAIL FROM", "MAIL", "the sender", 300),
    *at_command("RCPT TO", "RCPT", "the recipient", 300),
    Row(
        "RCPT TO, then `354` to DATA",
        "RCPT",
        NEVER,
        Refused("The server refused the recipient: {answer}"),
        careless=True,
    ),
    *at_command("DATA", "DATA", "the message", 120),
    Row("message", "body", (say_and_stop_reading(GONE),), slow("The server ended the session: {answer}"), big=True),
    Row(
        "message",
        "body",
        (say_and_stop_reading("451 4.3.0 Local error"),),
        Deferred("The server put off the message: {answer}"),
        big=True,
    ),
    Row(
        "message",
        "body",
        (say_and_stop_reading("552 5.3.4 Too big"),),
        Refused("The server refused the message: {answer}"),
        big=True,
    ),
    Row("message", "body", BROKEN, slow("The connection was lost before the server took the message."), big=True),
    Row(
        "message",
        "body",
        (server.STOP_READING,),
        slow("180 seconds passed before the server took the message."),
        big=True,
    ),
    Row("mark", "mark", (say_and_hang_up(GONE),), slow("The server ended the session: {answer}")),
    Row("mark", "mark", (say_and_hang_up("250 2.0.0 Ok"),), slow("The server spoke before the final dot was sent.")),
    Row("mark", "mark", BROKEN, slow("The connection was lost before the final dot was sent.")),
    Row("final dot", "dot", (server.AFTER_590_SECONDS,), Accepted(server.TAKEN)),
    Row("final dot", "dot", (say_and_hang_up(GONE),), slow("The server ended the session: {answer}")),
    Row("final dot", "dot", BUSY, Deferred("The server put off the message: {answer}")),
    Row("final dot", "dot", NEVER, Refused("The server refused the message: {answer}")),
    Row(
        "final dot",
        "dot",
        (*BROKEN, server.TAKE_AND_CLOSE, server.HALF_AN_ANSWER),
        Unknown(f"The connection was lost before the server answered the final dot. {MAYBE}"),
    ),
    Row(
        "final dot",
        "dot",
        (server.STALL, server.AFTER_601_SECONDS),
        Unknown(f"600 seconds passed before the server answered the final dot. {MAYBE}"),
    ),
    Row(
        "final dot",
        "dot",
        (NONSENSE,),
        Unknown(f'The answer to the final dot is not SMTP ("HTTP/1.1 400 Bad Request"). {MAYBE}'),
    ),
    Row(
        "final dot",
        "dot",
        (say("354 Go on"),),
        Unknown(f'The answer to the final dot, "{{answer}}", means nothing. {MAYBE}'),
    ),
]


def documented(rows: Sequence[Row]) -> str:
    """The table as docs/sending.md shows it."""
    lines = ["| at | the server | outcome | in words |", "|---|---|---|---|"]
    for row in rows:
        faults = "; ".join(fault.label for fault in row.faults)
        lines.append(f"| {row.when} | {faults} | {named(row.outcome)} | {words(row.outcome)} |")
    return "\n".join(lines)


def named(outcome: Outcome) -> str:
    slow_down = isinstance(outcome, Deferred) and outcome.slow_down
    return f"**{type(outcome).__name__}**{', slow down' if slow_down else ''}"


def words(outcome: Outcome) -> str:
    text = outcome.receipt if isinstance(outcome, Accepted) else outcome.reason
    return text.replace("{answer}", "*its answer*")
