"""The providers: what each is called, needs, and means by an answer. The one list that forms, URLs and docs follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from importlib.util import find_spec


class Meaning(Enum):
    """What an answer says of the message."""

    REFUSED = auto()  # The provider will never take it
    LATER = auto()  # The provider does not have it; the trouble is with the account, the provider or the link
    NOT_YET = auto()  # The provider does not have it; the trouble is with its sender, and other mail may pass
    UNCLEAR = auto()  # The provider may or may not have it
    TAKEN_BEFORE = auto()  # A request with the same key came before, and what became of it is not said


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    `needs` names, in a URL's order, what it wants to know besides its key. `not_taken` are the statuses of 500 and up
    that say by the provider's documentation, or by their standard meaning there, that the request was not processed.
    """

    scheme: str
    title: str
    key: str  # What the provider calls its secret
    needs: tuple[str, ...] = ()
    package: str = ""  # Which package it needs that is not always installed
    not_taken: frozenset[int] = frozenset()
    has_key: bool = False  # An idempotency key makes it safe to ask again at once
    key_outlives: bool = False  # The key still holds when the message is tried again later
    codes: Mapping[str, Meaning] = field(default_factory=dict)  # By its word, or by "status word"

    @property
    def missing(self) -> str:
        """Why this provider cannot be used here; "" when it can."""
        if self.package and find_spec(self.package) is None:
            return (
                f"{self.title} needs the Python package {self.package}, which is not installed here. Install it with"
                f" `.venv/bin/python -m pip install {self.package}`, or install cocoonmail[{self.scheme}]."
            )
        return ""


# A status that says nothing against the message: the account, its address or its pace is the trouble.
_UNAVAILABLE = frozenset({503})
_ACCOUNT = ("405", "412", "413", "429")  # Postmark: credits, pending, suspended, pace
_SENDER = ("400", "401")  # Postmark: the sender's signature is not there, or not confirmed
_SES_ACCOUNT = (
    "AccountSuspendedException",
    "LimitExceededException",
    "SendingPausedException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)

PROVIDERS: Mapping[str, Provider] = {
    provider.scheme: provider
    for provider in (
        Provider(
            "ses",
            "Amazon SES",
            "secret access key",
            needs=("access_key", "region"),
            package="boto3",
            not_taken=_UNAVAILABLE,
            codes={
                **dict.fromkeys(_SES_ACCOUNT, Meaning.LATER),
                "MailFromDomainNotVerifiedException": Meaning.NOT_YET,
            },
        ),
        Provider(
            "postmark",
            "Postmark",
            "server API token",
            not_taken=_UNAVAILABLE,
            codes={
                **dict.fromkeys(("10", "100", *_ACCOUNT), Meaning.LATER),
                **dict.fromkeys(_SENDER, Meaning.NOT_YET),
            },
        ),
        Provider(
            "resend",
            "Resend",
            "API key",
            has_key=True,
            key_outlives=True,
            codes={
                "403 validation_error": Meaning.NOT_YET,  # Its domain is not verified; 422 is about the message
                "concurrent_idempotent_requests": Meaning.UNCLEAR,
                "invalid_idempotent_request": Meaning.TAKEN_BEFORE,
            },
        ),
        Provider("mailgun", "Mailgun", "sending API key", needs=("domain", "region")),
        Provider("sendgrid", "SendGrid", "API key", not_taken=_UNAVAILABLE),
        Provider("brevo", "Brevo", "API key", has_key=True, codes={"duplicate_parameter": Meaning.TAKEN_BEFORE}),
    )
}
