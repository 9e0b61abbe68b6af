"""The log for programs: each line is one object, whatever is said and whoever says it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from cocoonmail.settings import environment_choice

pytestmark = pytest.mark.one_database

SAYS = """
import logging, sys, threading, warnings
from cocoonmail.kit import logs
handler = logging.StreamHandler()
handler.setFormatter(logs.JsonLines())
logging.basicConfig(handlers=[handler], level="DEBUG")
logs.speak_for("web")
logs.log_what_python_prints()
def fail(): raise ValueError("no\\nway")
"""


def lines(code: str) -> list[dict[str, Any]]:
    """What a program says that way on stderr."""
    done = subprocess.run([sys.executable, "-c", SAYS + code], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stderr.split("\n") if line]


def test_a_message_of_many_lines_or_in_any_script_is_one_line() -> None:
    [line] = lines(r"logging.getLogger('a.b').warning('one\ntwo\r\u2028%s\udc80', 'drei ❤')")
    assert line["message"] == "one\ntwo\r\u2028drei ❤\udc80"
    assert (line["level"], line["logger"], line["process"], line["thread"]) == ("WARNING", "a.b", "web", "MainThread")
    assert isinstance(line["pid"], int)


def test_an_exception_is_in_the_line_of_its_message() -> None:
    [line] = lines("try: fail()\nexcept ValueError: logging.exception('it failed')")
    assert line["message"] == "it failed"
    assert line["exception"].endswith("ValueError: no\nway")


def test_the_request_is_named_where_there_is_one() -> None:
    first, second, third = lines(
        "logging.info('a')\nlogs.REQUEST_ID.set('r1')\nlogging.info('b')\nlogging.info('c', extra={'request_id': 'r2'})"
    )
    assert "request_id" not in first
    assert (second["request_id"], third["request_id"]) == ("r1", "r2")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("fail()", "the process ends"),
        ("thread = threading.Thread(target=fail, name='hand'); thread.start(); thread.join()", "the thread hand ends"),
        ("warnings.warn('old', DeprecationWarning); fail()", "old"),
    ],
)
def test_what_python_would_print_is_a_line_too(code: str, said: str) -> None:
    assert said in lines("warnings.simplefilter('always')\n" + code)[0]["message"]


def test_a_word_that_is_no_choice_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.exceptions import ImproperlyConfigured

    monkeypatch.setenv("COCOONMAIL_LOG_FORMAT", "JSON")
    assert environment_choice("COCOONMAIL_LOG_FORMAT", "text", "json") == "json"
    monkeypatch.setenv("COCOONMAIL_LOG_FORMAT", "xml")
    with pytest.raises(ImproperlyConfigured, match="must be one of text, json, not 'xml'"):
        environment_choice("COCOONMAIL_LOG_FORMAT", "text", "json")
