"""What the pages say about each platform that its Platform object need not know: words, and what to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Guide:
    """One platform in words.

    `secret_title` names the field for its signing secret; `mistakes` says, by what a pasted text begins with, what it
    is instead of one. `begin` lists the event types that are on from the start, each with whether it triggers its
    suggested event. `where` tells where the platform takes our URL. `folder` holds its own templates.
    """

    about: str
    letter: str
    secret_title: str
    secret_help: str
    where: str
    begin: Mapping[str, bool]
    folder: str
    mistakes: Mapping[str, str] = field(default_factory=dict)


API_KEY = "This is one of Stripe's API keys, which webhooks do not need: paste it nowhere but for a backfill. "
FIND_IT = "The signing secret begins with whsec_ and is shown on the webhook's own page in Stripe."

GUIDES: Mapping[str, Guide] = {
    "stripe": Guide(
        about="Sync customers, and send emails when they sign up, pay, or fail to pay.",
        letter="S",
        secret_title="Stripe secret",  # noqa: S106 - words, not a secret
        secret_help="Begins with whsec_. Test mode, live mode and the Stripe CLI each have their own: add them all.",  # noqa: S106
        where="In Stripe, go to Developers → Webhooks → Add endpoint, and paste this URL.",
        begin={
            "customer.created": True,
            "customer.updated": False,
            "invoice.paid": True,
            "invoice.payment_failed": True,
        },
        folder="integrations/guides/stripe",
        mistakes={
            "sk_": API_KEY + FIND_IT,
            "rk_": API_KEY + FIND_IT,
            "pk_": "This is one of Stripe's publishable keys. " + FIND_IT,
            "we_": "This is the webhook's id. " + FIND_IT,
            "http": "This is a URL. " + FIND_IT,
        },
    ),
}
