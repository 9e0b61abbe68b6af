"""What a provider's API can answer, and its one outcome: the table of docs/sending.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cocoonmail.transports.base import Accepted, Deferred, Outcome, Refused, Unknown
from cocoonmail.transports.esp.providers import PROVIDERS
from tests.transports import gateway as api
from tests.transports.gateway import RECEIPTS, Fault, say

ALL = tuple(PROVIDERS)
KEYED = tuple(name for name, provider in PROVIDERS.items() if provider.has_key)
KEYLESS = tuple(name for name in ALL if name not in KEYED)
MAYBE = "It may or may not have taken the message."
NOT_NOW = Deferred("{who} does not take mail now: {answer}", slow_down=True)
NOT_YET = Deferred("{who} does not take mail from this sender now: {answer}")
REFUSED = Refused("{who} refused the message: {answer}")
UNCLEAR = Unknown(f"{{who}} gave an answer that decides nothing: {{answer}}. {MAYBE}")
HAD_IT = Unknown(f"{{who}} has had this message before: {{answer}}. {MAYBE}")
LOST = Unknown(f"The connection was lost before {{who}} answered. {MAYBE}")
TAKEN = Accepted("{receipt}")


@dataclass(frozen=True)
class Row:
    """These providers' APIs do one of these, at each repeat again; or, with `then`, do the next thing at the repeat."""

    who: tuple[str, ...]
    faults: tuple[Fault, ...]
    outcome: Outcome
    then: tuple[Fault, ...] = ()


def rows() -> list[Row]:
    """The table."""
    return [
        Row(ALL, (api.TAKE,), TAKEN),
        Row(ALL, (say(302), say(401), say(402), say(403), say(404), say(408), say(429)), NOT_NOW),
        Row(ALL, (say(400), say(413), say(422)), REFUSED),
        *POSTMARK,
        *AMAZON,
        Row(("mailgun",), (say(420, text="Hourly limit"),), NOT_NOW),
        Row(("resend",), (say(403, "validation_error", "The domain is not verified"),), NOT_YET),
        Row(("resend",), (say(429, "daily_quota_exceeded", "Quota"),), NOT_NOW),
        Row(("resend",), (say(422, "validation_error", "Invalid 'to' field"),), REFUSED),
        Row(("brevo",), (say(402, "not_enough_credits", "Credits"),), NOT_NOW),
        Row(("brevo",), (say(400, "invalid_parameter", "Email is not valid"),), REFUSED),
        Row(("ses", "postmark", "sendgrid"), (say(503),), NOT_NOW),
        Row(("mailgun", "brevo"), (say(503),), UNCLEAR),
        Row(("resend",), (say(500), say(502), say(503), say(504)), NOT_NOW),
        Row((*KEYLESS, "brevo"), (say(500), say(502), say(504)), UNCLEAR),
        Row(ALL, (api.WEB_PAGE,), Unknown(f"{{who}} gave an answer that decides nothing: HTTP 200{{page}}. {MAYBE}")),
        Row(ALL, (api.CLOSE_UNREAD, api.CLOSE, api.RESET, api.HALF_HEAD, api.HALF_BODY, api.NO_HTTP), LOST),
        Row(ALL, (api.HANG,), Unknown(f"{{seconds}} seconds passed before {{who}} answered. {MAYBE}")),
        Row(KEYED, (api.CLOSE, api.HALF_BODY, api.HANG), TAKEN, then=(api.TAKE,)),
        Row(("brevo",), (say(500),), TAKEN, then=(api.TAKE,)),
        Row(KEYED, (api.CLOSE,), REFUSED, then=(say(400),)),
        Row(KEYED, (api.CLOSE,), LOST, then=(say(429),) * 3),
        Row(("brevo",), (api.CLOSE,), HAD_IT, then=(say(400, "duplicate_parameter", "Key used"),)),
        Row(("resend",), (say(409, "concurrent_idempotent_requests", "Wait"),), TAKEN, then=(api.TAKE,)),
        Row(("resend",), (say(409, "concurrent_idempotent_requests", "Wait"),), UNCLEAR),
        Row(("resend",), (say(409, "invalid_idempotent_request", "Other payload"),), HAD_IT),
    ]


POSTMARK = [
    Row(("postmark",), (say(422, "300", "Invalid 'To' address"), say(422, "406", "Inactive recipient")), REFUSED),
    Row(("postmark",), (say(422, "400", "Sender signature not found"), say(422, "401", "Not confirmed")), NOT_YET),
    Row(("postmark",), (say(401, "10", "Bad token"), say(422, "405", "Not allowed to send")), NOT_NOW),
    Row(("postmark",), (say(422, "412", "Account is pending"), say(422, "429", "Too many")), NOT_NOW),
]
AMAZON = [
    Row(("ses",), (say(400, "MessageRejected", "Invalid content"), say(400, "BadRequestException", "Bad")), REFUSED),
    Row(("ses",), (say(400, "MailFromDomainNotVerifiedException"),), NOT_YET),
    Row(("ses",), (say(400, "AccountSuspendedException"), say(400, "SendingPausedException")), NOT_NOW),
    Row(("ses",), (say(400, "LimitExceededException"), say(429, "TooManyRequestsException")), NOT_NOW),
    Row(("ses",), (say(403, "SignatureDoesNotMatch"), say(403, "AccessDeniedException")), NOT_NOW),
]
ROWS = rows()


def filled(row: Row, who: str, fault: Fault, seconds: float) -> Outcome:
    """The row's outcome for one provider and one fault, its words complete."""
    last = row.then[-1] if row.then else fault
    title = PROVIDERS[who].title
    page = "" if who == "ses" else ": <h1>Welcome to the hotel</h1>"
    known = {"who": title, "answer": answered(who, last), "seconds": f"{seconds:g}", "page": page}
    match row.outcome:
        case Accepted():
            return Accepted(RECEIPTS[who])
        case Refused(reason=reason):
            return Refused(reason.format(**known))
        case Deferred(reason=reason):
            return replace(row.outcome, reason=reason.format(**known))
        case Unknown(reason=reason):
            return Unknown(reason.format(**known))


def answered(who: str, fault: Fault) -> str:
    """A fault's answer as our words repeat it."""
    parts = fault.label.split("`")
    if not parts[1:] or not parts[1].isdigit():
        return ""
    code = parts[3] if len(parts) > 3 else ""
    shown = code if who in ("ses", "postmark", "resend", "brevo") else ""
    return f"HTTP {parts[1]}{', ' if shown else ''}{shown}: {parts[-1].strip() or 'Error'}"


def documented(table: Sequence[Row]) -> str:
    """The table as docs/sending.md shows it."""
    lines = ["| provider | its API | outcome | in words |", "|---|---|---|---|"]
    for row in table:
        faults = "; ".join(fault.label for fault in row.faults)
        then = f"; then, asked again, {row.then[0].label}" if row.then else ""
        lines.append(f"| {named(row.who)} | {faults}{then} | {outcome(row.outcome)} | {words(row.outcome)} |")
    return "\n".join(lines)


def named(who: tuple[str, ...]) -> str:
    """The providers, in few words."""
    return "any" if who == ALL else ", ".join(PROVIDERS[one].title for one in who)


def outcome(value: Outcome) -> str:
    """Its name."""
    slow = isinstance(value, Deferred) and value.slow_down
    return f"**{type(value).__name__}**{', slow down' if slow else ''}"


def words(value: Outcome) -> str:
    """Its words."""
    if isinstance(value, Accepted):
        return "*the provider's id of the message*"
    known = {"who": "*Provider*", "answer": "*its answer*", "seconds": "100", "page": "*…*"}
    return value.reason.format(**known)
