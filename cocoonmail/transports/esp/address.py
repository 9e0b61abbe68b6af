"""Where a provider is: its settings, and the URL that people write for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlsplit

from cocoonmail.transports.esp.providers import PROVIDERS, Provider
from cocoonmail.transports.hosts import credential, is_loopback

DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
AWS_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d{1,2}")
MAILGUN_REGIONS = ("us", "eu")
KEY = re.compile(r"[!-~]{1,500}")  # What an HTTP header carries as it is
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


def is_esp_url(url: str) -> bool:
    """Whether this is a provider's URL, by its scheme."""
    return url.partition("://")[0] in PROVIDERS


def parse_esp_url(url: str) -> EspSettings:
    """Read a URL that `is_esp_url` knows; `EXAMPLES` has one of each form, and each takes `?api=https://…`.

    Raises ValueError with a sentence for the person who wrote it; it never repeats the key.
    """
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    place = place.rstrip("/")
    # Not urlsplit: a key where it looks for a host would come back in lower case.
    before, at, host = place.rpartition("@")
    if "/" in place or "#" in url or bool(at) is not bool(PROVIDERS[scheme].needs):
        raise ValueError(f"Write {EXAMPLES[scheme]}; / ? # @ in a key are %2F %3F %23 %40.")
    options = _options(query, ("api", "region") if scheme == "mailgun" else ("api",))
    api = options.get("api", "")
    match scheme:
        case "ses":
            access_key, _, secret = before.partition(":")
            key, access_key = credential(secret, "key"), credential(access_key, "access key")
            return checked(EspSettings(scheme, key, access_key=access_key, region=host, api=api))
        case "mailgun":
            region = options.get("region", "us")
            return checked(EspSettings(scheme, credential(before, "key"), domain=host.lower(), region=region, api=api))
        case _:
            return checked(EspSettings(scheme, credential(place, "key"), api=api))


def checked(settings: EspSettings) -> EspSettings:
    """The same settings, if they can be. Raises ValueError with a sentence; it never repeats the key."""
    if not KEY.fullmatch(settings.key):
        about = settings.about
        raise ValueError(f"{about.title} needs its {about.key}: letters, digits and signs without spaces.")
    match settings.provider:
        case "ses" if not KEY.fullmatch(settings.access_key) or not AWS_REGION.fullmatch(settings.region):
            raise ValueError("Amazon SES needs an access key and a region, such as eu-west-1.")
        case "mailgun" if not DOMAIN.fullmatch(settings.domain) or settings.region not in MAILGUN_REGIONS:
            raise ValueError("Mailgun needs the domain that you send from, and a region: us or eu.")
        case _:
            return replace(settings, api=_api(settings.api))


def esp_url(settings: EspSettings, with_password: bool) -> str:
    """The URL that reads as these settings. Without the key it tells the rest, and cannot be read back."""
    key = quote(settings.key, safe="") if with_password else ""
    options = [f"region={settings.region}"] if settings.domain and settings.region != "us" else []
    options += [f"api={quote(settings.api, safe=':/')}"] if settings.api else []
    match settings.provider:
        case "ses":
            place = f"{quote(settings.access_key, safe='')}{':' if key else ''}{key}@{settings.region}"
        case "mailgun":
            place = f"{key}@{settings.domain}"
        case _:
            place = key
    return f"{settings.provider}://{place}{'?' if options else ''}{'&'.join(options)}"


def _options(query: str, known: tuple[str, ...]) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=10)
    if strange := [name for name, _ in pairs if name not in known]:
        raise ValueError(f"This transport has no option {strange[0][:40]!r}; there is {' and '.join(known)}.")
    if len(dict(pairs)) != len(pairs):
        raise ValueError("Each option of a transport is given once.")
    return dict(pairs)


def _api(url: str) -> str:
    """A base URL without a slash at its end; "" for the provider's own."""
    if not url:
        return ""
    wrong = ValueError("The API's address looks like https://mail-gateway.example.com/v3, or http:// on this machine.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as trouble:
        raise wrong from trouble
    clear = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not (clear or parts.scheme == "https") or not parts.hostname or port == 0:
        raise wrong
    if parts.username is not None or parts.query or parts.fragment or not re.fullmatch(r"[!-~]{1,300}", url):
        raise wrong
    return url.rstrip("/")
