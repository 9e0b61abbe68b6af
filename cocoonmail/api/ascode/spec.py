"""The file's form. `docs/workspace.schema.json` is derived from these classes; a test keeps it so."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import UNSET, Struct, UnsetType

from cocoonmail.loops.steps import WAIT_MAX
from cocoonmail.transports.esp.address import EXAMPLES

TRANSPORTS = "; ".join(["capture", "smtp://user:password@host:port", "smtps://…", *EXAMPLES.values()])
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadFile(ValueError):
    """The file does not have its form. The message says where and what."""


class Sender(Struct, forbid_unknown_fields=True):
    """Who emails come from, where an email names no sender of its own."""

    email: str
    name: str = ""
    reply_to: str = ""


class EventWish(Struct, forbid_unknown_fields=True):
    """What to do with one of the platform's event types. `trigger` is the event name that it sets off."""

    trigger: str | None = None
    sync_names: bool = True
    noise_triggers: bool = False
    removal: Literal["keep", "unsubscribe", "delete"] = "keep"
    condition: dict[str, Any] = {}


class EndpointSpec(Struct, forbid_unknown_fields=True):
    """A webhook URL. An event type that is listed is on, null means without a trigger, one that is not listed is off.

    A secret may be written as env:NAME to be read from the environment. Without `secrets` those stored are kept.
    """

    name: str
    platform: str
    secrets: list[str] | UnsetType = UNSET
    user_group: str = ""
    enabled: bool = True
    process_test: bool = True
    connect: bool = False
    events: dict[str, str | EventWish | None] = {}


class EmailSpec(Struct, forbid_unknown_fields=True):
    """An email: a gallery template, with whatever is given here in place of its parts; or all of it written here."""

    template: str = ""
    name: str | None = None
    subject: str | None = None
    preview: str | None = None
    format: Literal["markdown", "mjml"] | None = None
    body: str | None = None
    kind: Literal["marketing", "transactional"] | None = None
    from_name: str | None = None
    from_email: str | None = None
    reply_to: str | None = None


class StepSpec(Struct, forbid_unknown_fields=True):
    """One step: either `wait`, such as 0m, 90m, 2h or 3d, or `email`."""

    wait: str | None = None
    email: EmailSpec | None = None


class TriggerSpec(Struct, forbid_unknown_fields=True):
    """What takes contacts into a loop: an event, by name."""

    event: str


class LoopSpec(Struct, forbid_unknown_fields=True):
    """A loop, known by its name. `unknown` says what follows when nobody knows whether a message of it was sent."""

    name: str
    trigger: TriggerSpec
    steps: list[StepSpec]
    frequency: Literal["one_time", "every_time"] = "every_time"
    state: Literal["draft", "live", "paused"] = "draft"
    unknown: Literal["hold", "resend_once"] = "hold"


class KeepSpec(Struct, forbid_unknown_fields=True):
    """How many days the workspace keeps what is finished: webhooks' bodies, events and finished runs, messages."""

    webhooks: int | None = None
    history: int | None = None
    messages: int | None = None


class WorkspaceSpec(Struct, forbid_unknown_fields=True):
    """A whole workspace. What is not mentioned is left as it is."""

    workspace: str
    sender: Sender | UnsetType = UNSET
    address: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    transport: Annotated[str, msgspec.Meta(description=TRANSPORTS)] | UnsetType = UNSET
    domain_rates: dict[str, float] | UnsetType = UNSET
    keep: KeepSpec | UnsetType = UNSET
    properties: dict[str, Literal["string", "number", "boolean", "date"]] = {}
    endpoints: list[EndpointSpec] = []
    loops: list[LoopSpec] = []


def read_file(text: str) -> WorkspaceSpec:
    """A workspace from YAML (or JSON, which is YAML). Raises BadFile."""
    try:
        spec = msgspec.convert(yaml.safe_load(text), WorkspaceSpec)
    except yaml.YAMLError as error:
        raise BadFile(f"This is not YAML: {error}") from error
    except msgspec.ValidationError as error:
        raise BadFile(str(error)) from error
    _check_names(spec)
    return spec


def _check_names(spec: WorkspaceSpec) -> None:
    """What the form alone cannot say."""
    for what, names in (
        ("endpoint", [endpoint.name for endpoint in spec.endpoints]),
        ("loop", [loop.name for loop in spec.loops]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise BadFile(f"There are two of this {what}: {', '.join(sorted(twice))}")
    for loop in spec.loops:
        for number, step in enumerate(loop.steps, 1):
            if (step.wait is None) == (step.email is None):
                raise BadFile(f"Loop {loop.name}, step {number}: write either wait or email.")
            if step.wait is not None:
                duration(step.wait, f"Loop {loop.name}, step {number}")


def duration(text: str, where: str) -> timedelta:
    """A duration such as 0m, 90m or 1d12h. Raises BadFile."""
    parts = re.findall(r"(\d{1,9})([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise BadFile(f"{where}: a wait looks like 0m, 90m, 2h or 3d, not {text!r}.")
    length = timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in parts))
    if length > WAIT_MAX:
        raise BadFile(f"{where}: a wait lasts {WAIT_MAX.days} days at most.")
    return length


def shown_duration(length: timedelta) -> str:
    """The shortest text that `duration` reads as this."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and (seconds or unit == "m"):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def secret_text(text: str) -> str:
    """A secret as it is given, or from the environment for env:NAME. Raises BadFile when that is not set."""
    if not text.startswith("env:"):
        return text.strip()
    value = os.environ.get(text.removeprefix("env:"), "").strip()
    if not value:
        raise BadFile(f"The environment has no {text.removeprefix('env:')}, which the file asks for.")
    return value


def json_schema() -> dict[str, Any]:
    """The form as a JSON Schema, for editors."""
    schema = msgspec.json.schema(WorkspaceSpec)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Cocoonmail workspace", **schema}
