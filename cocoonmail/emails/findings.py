"""What the DNS says about a domain that sends mail, in words for whoever has to change it. Pure but for `check`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from cocoonmail.emails.dnslookup import Absent, Answer, Found, Unanswered, look_up
from cocoonmail.emails.domains import Record

PARENTS_MAX = 8  # Domains above the one that sends whose DMARC record is looked for
SHOWN_MAX = 200  # Characters of a record that are quoted
SUGGESTED_DMARC = "v=DMARC1; p=none"

_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([^;]*?)\s*")


class State(StrEnum):
    """How a record stands. Only THERE is good; what is UNSURE still works."""

    THERE = "there"
    UNSURE = "unsure"
    MISSING = "missing"
    OTHER = "other"
    MALFORMED = "malformed"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing: rsa, ed25519, spf or dmarc. `words` is a sentence or two."""

    about: str
    state: State
    words: str


def check(domain: str, records: Sequence[Record]) -> list[Finding]:
    """Ask the DNS for the records, SPF and DMARC. Takes some seconds where nobody answers."""
    above = _policy_names(domain)
    names = {record.name: record for record in records}
    # Many providers add the domain to whatever name is entered: then the record stands one domain too deep.
    too_deep = [f"{record.name}.{domain}" for record in records]
    answers = look_up([*names, *too_deep, domain, *above])
    keys = [judge_key(record, answers[record.name], answers[f"{record.name}.{domain}"]) for record in records]
    return [*keys, judge_spf(answers[domain]), judge_dmarc({name: answers[name] for name in above})]


def _policy_names(domain: str) -> list[str]:
    """Where the DMARC record may stand: at the domain, else at one above it."""
    labels = domain.split(".")
    return [f"_dmarc.{'.'.join(labels[at:])}" for at in range(len(labels) - 1)][-PARENTS_MAX:]


def judge_key(record: Record, answer: Answer, too_deep: Answer) -> Finding:
    """Whether receivers would find this public key (RFC 6376 section 3.6.1)."""
    match answer:
        case Unanswered(reason=reason):
            return Finding(record.kind, State.UNANSWERED, f"Not known: {reason}. Check again in a minute.")
        case Absent() if isinstance(too_deep, Found):
            words = f"It stands at {record.name} with the domain twice. Enter only {record.host} as its name."
            return Finding(record.kind, State.MISSING, words)
        case Absent():
            words = "Not there yet. A new record can take minutes to an hour to be seen everywhere."
            return Finding(record.kind, State.MISSING, words)
        case Found(texts=[text]):
            return Finding(record.kind, *_judge_text(record, text))
        case Found(texts=texts):
            words = f"There are {len(texts)} TXT records at this name, and receivers take any of them. Leave only ours."
            return Finding(record.kind, State.MALFORMED, words)


def _judge_text(record: Record, text: str) -> tuple[State, str]:
    found, ours = _tags(text), _tags(record.value) or {}
    if found is None or "p" not in found:
        return (
            State.MALFORMED,
            f"What stands there is no DKIM key: “{text[:SHOWN_MAX]}”. Enter the value as it is here.",
        )
    if found.get("v", "DKIM1") != "DKIM1" or ("v" in found and next(iter(found)) != "v"):
        return State.MALFORMED, "The record has to begin with v=DKIM1."
    key, kind = "".join(found["p"].split()), found.get("k", "rsa").lower()
    if not key:
        return State.OTHER, "The key is revoked there: its p= is empty."
    if (kind, key) == (ours["k"], ours["p"]):
        return _judge_rest(found)
    if kind == ours["k"] and ours["p"].startswith(key):
        return State.MALFORMED, f"The key is cut off after {len(key)} of {len(ours['p'])} characters. Enter all of it."
    return State.OTHER, "Another key stands there. Replace it by the value here, or make a new key pair."


def _judge_rest(found: Mapping[str, str]) -> tuple[State, str]:
    """What else the record says of our key."""
    hashes, services = found.get("h", "sha256").split(":"), found.get("s", "*").split(":")
    if "sha256" not in map(str.strip, hashes) or not {"*", "email"} & set(map(str.strip, services)):
        return State.MALFORMED, "Our key is there, but its h= or s= does not allow our signatures. Remove both."
    if "y" in map(str.strip, found.get("t", "").split(":")):
        return State.UNSURE, "Our key is there, marked as a test (t=y): receivers may ignore it. Remove t=y."
    return State.THERE, "Our key is there."


def _tags(text: str) -> dict[str, str] | None:
    """The tags of a record in its order (RFC 6376 section 3.2); None when it is no such list, or names one twice."""
    found: dict[str, str] = {}
    for part in text.strip().removesuffix(";").split(";"):
        tag = _TAG.fullmatch(part)
        if tag is None or tag[1] in found:
            return None
        found[tag[1]] = tag[2]
    return found


def judge_spf(answer: Answer) -> Finding:
    """A hint, for only you know which servers send for you (RFC 7208)."""
    match answer:
        case Unanswered(reason=reason):
            return Finding("spf", State.UNANSWERED, f"Not known: {reason}. Check again in a minute.")
        case Found(texts=texts) if records := [text for text in texts if _is_spf(text)]:
            return Finding("spf", *_judge_spf(records))
        case _:
            words = "No SPF record. Your mail server's provider tells you which one lets it send for this domain."
            return Finding("spf", State.MISSING, words)


def _is_spf(text: str) -> bool:
    return text.lower().partition(" ")[0] == "v=spf1"


def _judge_spf(records: Sequence[str]) -> tuple[State, str]:
    if len(records) > 1:
        return (
            State.MALFORMED,
            f"There are {len(records)} SPF records, and receivers then use none. Merge them into one.",
        )
    terms = records[0].lower().split()
    if "+all" in terms or "all" in terms:
        return State.MALFORMED, "It lets every server of the world send for you. End it with ~all or -all."
    return State.THERE, f"“{records[0][:SHOWN_MAX]}”. Make sure that the server of your transport is in it."


def judge_dmarc(answers: Mapping[str, Answer]) -> Finding:
    """The policy that holds for the domain: of `_dmarc.` names, the nearest first, the first that has one."""
    for name, answer in answers.items():
        match answer:
            case Unanswered(reason=reason):
                return Finding("dmarc", State.UNANSWERED, f"Not known: {reason}. Check again in a minute.")
            case Found(texts=texts) if policies := [text for text in texts if _is_dmarc(text)]:
                return Finding("dmarc", *_judge_dmarc(name, policies))
    where = next(iter(answers))
    words = f"No DMARC record. Gmail, Yahoo and Microsoft ask for one; begin with {SUGGESTED_DMARC} at {where}."
    return Finding("dmarc", State.MISSING, words)


def _is_dmarc(text: str) -> bool:
    return text.partition(";")[0].replace(" ", "") == "v=DMARC1"


def _judge_dmarc(name: str, policies: Sequence[str]) -> tuple[State, str]:
    tags = _tags(policies[0])
    if len(policies) > 1:
        return State.MALFORMED, f"There are {len(policies)} DMARC records at {name}, so receivers use none. Leave one."
    if tags is None or tags.get("p", "").lower() not in ("none", "quarantine", "reject"):
        return State.MALFORMED, f"It has to say p=none, p=quarantine or p=reject: “{policies[0][:SHOWN_MAX]}”."
    shown = f"“{policies[0][:SHOWN_MAX]}” at {name}."
    if tags.get("adkim", "r").lower() == "s":
        return State.UNSURE, f"{shown} adkim=s: mail from a subdomain is believed only with a key pair of its own."
    return State.THERE, shown


def stored(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The findings as `SendingDomain.findings` keeps them."""
    return [asdict(finding) for finding in findings]


def read(kept: Sequence[Mapping[str, str]]) -> list[Finding]:
    """What `stored` wrote."""
    return [Finding(one["about"], State(one["state"]), one["words"]) for one in kept]


def keys_are_seen(findings: Sequence[Finding]) -> bool:
    """Whether both public keys were seen in the DNS, so that signatures are believed."""
    return {one.about for one in findings if one.state in (State.THERE, State.UNSURE)} >= {"rsa", "ed25519"}
