"""Promises of `bin/bench waits`: a wait that was too short is no figure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from bench import waiting, waits
from bench.result import CheckFailed
from cocoonmail.loops.models import Run
from tests.dispatching import working
from tests.shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wait_that_ended_early_fails_the_measurement() -> None:
    Shop.opened(file=waits.WORKSPACE)
    waiting.fill(5)
    ids = list(Run.objects.values_list("pk", flat=True))
    ends = waiting.dated(ids, 1, 1000)
    with working():
        taken = waiting.took(ends)
    waiting.check(ends, taken)
    told = waiting.figures(ends, taken)
    assert 0 < told["taken"]["p50"] <= told["taken"]["p99"]
    with pytest.raises(CheckFailed, match="1 of 5 waits were too short"):
        waiting.check({**ends, ids[0]: taken[ids[0]].begun + timedelta(microseconds=1)}, taken)
    connection.close()
