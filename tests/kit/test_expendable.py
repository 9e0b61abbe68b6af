"""What takes a process down takes a child down, and the one job that did it is named."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from cocoonmail.kit.expendable import SECONDS_MAX, casualties

pytestmark = pytest.mark.one_database


def harmless() -> None:
    pass


def raises() -> None:
    raise ValueError


def exits() -> None:
    raise SystemExit(3)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def endless() -> None:
    """Sooner than a test would wait, its time is over, if it was given any."""
    if 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= SECONDS_MAX:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while True:
            pass


@pytest.mark.parametrize(
    ("fatal", "words"), [(os.abort, "SIGABRT"), (killed, "SIGKILL"), (endless, "it took too long")]
)
def test_each_job_that_takes_a_process_down_is_named_and_no_other(fatal: Callable[[], None], words: str) -> None:
    jobs = [harmless, fatal, harmless, raises, exits, fatal, fatal, harmless]
    assert casualties(jobs) == {1: words, 5: words, 6: words}


def test_without_a_casualty_nothing_is_named() -> None:
    assert casualties([]) == {}
    assert casualties([harmless, raises] * 3) == {}


def test_a_thread_of_a_process_with_others_can_ask() -> None:
    found: list[dict[int, str]] = []
    other = threading.Thread(target=lambda: found.append(casualties([harmless, os.abort])))
    other.start()
    other.join()
    assert found == [{1: "SIGABRT"}]


def test_a_job_changes_nothing_here() -> None:
    here: list[int] = []
    assert casualties([lambda: here.append(1)]) == {}
    assert here == []
