"""How a workspace's mail leaves: its transport's settings, sealed at rest."""

from __future__ import annotations

from functools import lru_cache

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.limits import UNLIMITED, Limits
from cocoonmail.kit.secrets import Unsealable, seal, unseal
from cocoonmail.transports import TransportSettings, parse_transport_url, to_url

PURPOSE = "workspace:transport"


def transport_of(workspace: Workspace) -> TransportSettings:
    """The settings; capture where none were made. Raises kit.secrets.Unsealable."""
    return _opened(workspace.transport_sealed)


@lru_cache(maxsize=1000)
def _opened(sealed: str) -> TransportSettings:
    """Thousands of messages a second leave by the same settings."""
    return parse_transport_url(unseal(sealed, PURPOSE) if sealed else "capture")


def server_of(workspace: Workspace) -> str:
    """The host name of the mail server that the workspace's mail leaves by; "" where none is known."""
    try:
        return transport_of(workspace).host
    except Unsealable:
        return ""


def limits_of(workspace: Workspace) -> Limits:
    """How much of the workspace's mail may leave in a second; nothing limits captured mail."""
    return Limits(transport_of(workspace).rate, workspace.domain_rates) if workspace.transport_sealed else UNLIMITED


def transport_url(workspace: Workspace) -> str:
    """The settings as a URL with its password: "capture", "smtp://…" or a provider's."""
    return unseal(workspace.transport_sealed, PURPOSE) if workspace.transport_sealed else "capture"


def set_transport(workspace: Workspace, url: str) -> None:
    """Put a transport's URL on the workspace, not yet saved. Raises ValueError, with what is wrong, for a bad one."""
    settings = parse_transport_url(url)
    if settings.esp is not None and (missing := settings.esp.missing):
        raise ValueError(missing)
    sealed_before = workspace.transport_sealed
    if settings.kind == "capture":
        workspace.transport_sealed = ""
    elif not sealed_before or transport_of(workspace) != settings:
        workspace.transport_sealed = seal(to_url(settings, with_password=True), PURPOSE)
