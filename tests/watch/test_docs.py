"""The operator's page names every metric there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cocoonmail.watch.backlog import Backlog, Queue
from cocoonmail.watch.exposition import exposition

pytestmark = pytest.mark.one_database

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text()
FULL = Backlog({"process": Queue(1, 2.0)}, 3, 4, {"unknown": 5}, 6, "")


def told() -> dict[str, list[str]]:
    """The names that both processes tell, with their labels."""
    text = "".join(exposition(process, "", FULL)[0].decode() for process in ("web", "worker"))
    found: dict[str, list[str]] = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("cocoonmail_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found.setdefault(name, sorted({label for one in family.samples for label in one.labels} - {"le"}))
    return found


def test_the_table_has_every_metric_with_its_label() -> None:
    rows = re.findall(r"^\| `(cocoonmail_\w+)` \| ?(\w*) ?\|", PAGE, re.MULTILINE)
    known = told()
    assert sorted(name for name, _ in rows) == sorted(known)
    for name, label in rows:
        assert known[name] in ([label] if label else [], []), name


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    asked = set(re.findall(r"cocoonmail_\w+", PAGE.partition("Alerts worth having")[2].partition("**Logs**")[0]))
    assert {name.removesuffix("_bucket") for name in asked} <= set(told())
    assert len(asked) >= 7


def test_what_the_page_gives_to_copy_is_yaml() -> None:
    blocks = [block for block in re.findall(r"(?:^(?: {4}.*|)\n)+", PAGE, re.MULTILINE) if ":" in block]
    read = [yaml.safe_load(block) for block in blocks]
    assert {name for one in read for name in one} >= {"scrape_configs", "groups"}


def test_the_newer_format_is_told_to_whoever_asks_for_it() -> None:
    text, kind = exposition("worker", "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
