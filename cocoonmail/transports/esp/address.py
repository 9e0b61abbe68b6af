"""Where a provider is: its settings, and the URL that people write for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from cocoonmail.transports.esp.providers import PROVIDERS, Provider
from cocoonmail.transports.hosts import credential, keeps_secrets, web_address
from cocoonmail.transports.options import read_options, written

DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
AWS_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d{1,2}")
MAILGUN_REGIONS = ("us", "eu")
KEY = re.compile(r"[!-~]{1,500}")  # What an HTTP header carries as it is
API_MAX = 300  # Characters
OPTIONS = ("api", "connections", "rate")  # Beside Mailgun's region
EXAMPLES: Mapping[str, str] = {
    "ses": "ses://ACCESS_KEY:SECRET@eu-west-1",
    "mailgun": "mailgun://KEY@mg.example.com?region=eu",
    **{scheme: f"{scheme}://KEY" for scheme in ("postmark", "resend", "sendgrid", "brevo")},
}
assert EXAMPLES.keys() == PROVIDERS.keys()


@dataclass(frozen=True, slots=True)
class EspSettings:
    """All that is needed to send through a provider. `api` is another base URL for its API, "" for its own."""

    provider: str
    key: str = field(repr=False)
    access_key: str = ""  # Amazon SES
    region: str = ""  # Amazon SES: eu-west-1; Mailgun: us or eu
    domain: str = ""  # Mailgun
    api: str = ""

    @property
    def about(self) -> Provider:
        """The provider itself."""
        return PROVIDERS[self.provider]

    @property
    def missing(self) -> str:
        """What has to be there before anything can be sent; "" when nothing has."""
        return self.about.missing or ("" if self.key else f"{self.about.title} needs its {self.about.key}.")


def is_esp_url(url: str) -> bool:
    """Whether this is a provider's URL, by its scheme."""
    return url.partition("://")[0] in PROVIDERS


def parse_esp_url(url: str) -> tuple[EspSettings, Mapping[str, str]]:
    """Read a URL that `is_esp_url` knows; `EXAMPLES` has one of each form, and each takes `?api=https://…`.

    Returns beside the settings the options that every transport has, not yet read. Without its key it reads as the same
    settings with none. Raises ValueError with a sentence for the person who wrote it; it never repeats the key.
    """
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    place = place.rstrip("/")
    # Not urlsplit: a key where it looks for a host would come back in lower case.
    before, at, host = place.rpartition("@")
    if "/" in place or "#" in url or bool(at) is not bool(PROVIDERS[scheme].needs):
        raise ValueError(f"Write {EXAMPLES[scheme]}; / ? # @ in a key are %2F %3F %23 %40.")
    options = read_options(query, ("region", *OPTIONS) if scheme == "mailgun" else OPTIONS)
    api, region = options.pop("api", ""), options.pop("region", "us")
    match scheme:
        case "ses":
            access_key, _, secret = before.partition(":")
            key, access_key = credential(secret, "key"), credential(access_key, "access key")
            settings = EspSettings(scheme, key, access_key=access_key, region=host, api=api)
        case "mailgun":
            settings = EspSettings(scheme, credential(before, "key"), domain=host.lower(), region=region, api=api)
        case _:
            settings = EspSettings(scheme, credential(place, "key"), api=api)
    return checked(settings), options


def checked(settings: EspSettings) -> EspSettings:
    """The same settings, if they can be. Raises ValueError with a sentence; it never repeats the key."""
    if settings.key and not KEY.fullmatch(settings.key):
        about = settings.about
        raise ValueError(f"{about.title} needs its {about.key}: letters, digits and signs without spaces.")
    match settings.provider:
        case "ses" if not KEY.fullmatch(settings.access_key) or not AWS_REGION.fullmatch(settings.region):
            raise ValueError("Amazon SES needs an access key and a region, such as eu-west-1.")
        case "mailgun" if not DOMAIN.fullmatch(settings.domain) or settings.region not in MAILGUN_REGIONS:
            raise ValueError("Mailgun needs the domain that you send from, and a region: us or eu.")
        case _:
            return replace(settings, api=_api(settings.api))


def keep_key(asked: EspSettings, stored: EspSettings | None) -> EspSettings:
    """The settings with the stored key in the place of a blank one, if all the rest is the same."""
    return stored if stored is not None and asked == replace(stored, key="") else asked


def esp_url(settings: EspSettings, with_password: bool, limits: Mapping[str, str]) -> str:
    """The URL that reads as these settings and limits; without password it reads as the same with no key."""
    key = quote(settings.key, safe="") if with_password else ""
    region = {"region": settings.region} if settings.domain and settings.region != "us" else {}
    options = {**region, **({"api": settings.api} if settings.api else {}), **limits}
    match settings.provider:
        case "ses":
            place = f"{quote(settings.access_key, safe='')}{':' if key else ''}{key}@{settings.region}"
        case "mailgun":
            place = f"{key}@{settings.domain}"
        case _:
            place = key
    return f"{settings.provider}://{place}{written(options)}"


def _api(url: str) -> str:
    """A base URL without a slash at its end; "" for the provider's own."""
    if not url:
        return ""
    parts = web_address(url)
    if parts is None or not keeps_secrets(parts) or parts.query or len(url) > API_MAX:
        raise ValueError(
            "The API's address looks like https://mail-gateway.example.com/v3, or http:// on this machine."
        )
    return url.rstrip("/")
