"""What this process has counted, and what waits, as Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from cocoonmail import counts
from cocoonmail.kit.metrics import Counter, Histogram
from cocoonmail.watch.backlog import Backlog


def exposition(process: str, accept: str, backlog: Backlog | None = None) -> tuple[bytes, str]:
    """The text and its content type, in the format of those that `accept` names. `process` is web or worker."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Figures([*_of_this_process(process), *_of_the_database(process, backlog)]))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Figures(Collector):
    def __init__(self, figures: list[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        return self._figures


def _of_this_process(process: str) -> Iterator[Metric]:
    for figure in counts.WEB if process == "web" else counts.WORKER:
        yield _counter(figure) if isinstance(figure, Counter) else _histogram(figure)
    if process == "worker":
        words = "Seconds since this hand of the worker last came round."
        now = time.monotonic()
        yield _gauge(
            "cocoonmail_hand_age_seconds", words, "hand", {hand: now - at for hand, at in counts.TURNED.items()}
        )


def _of_the_database(process: str, backlog: Backlog | None) -> Iterator[Metric]:
    """Every web process tells the same: take the `max` over them."""
    if process != "web":
        return
    yield GaugeMetricFamily(
        "cocoonmail_database_up", "Whether the database answered when it was last asked.", value=backlog is not None
    )
    if backlog is None:
        return
    queues = backlog.queues.items()
    words = "Rows that a worker should be taking now, by stage."
    yield _gauge("cocoonmail_backlog_rows", words, "stage", {stage: queue.rows for stage, queue in queues})
    words = "Seconds since the first of them is due, by stage."
    yield _gauge("cocoonmail_backlog_age_seconds", words, "stage", {stage: queue.age for stage, queue in queues})
    words = "Messages that wait for a person, by status."
    yield _gauge("cocoonmail_messages_standing", words, "status", dict(backlog.standing))
    yield GaugeMetricFamily("cocoonmail_deliveries_parked", "Webhooks that wait for their customer.", backlog.parked)
    yield GaugeMetricFamily("cocoonmail_deliveries_failed", "Webhooks that could not be processed.", backlog.failed)
    yield GaugeMetricFamily("cocoonmail_sending_paused", "Whether no mail may leave.", bool(backlog.paused))
    yield GaugeMetricFamily("cocoonmail_workers_alive", "Workers that were seen a moment ago.", backlog.workers)


def _counter(counter: Counter) -> Metric:
    family = CounterMetricFamily(counter.name, counter.words, labels=_labels(counter))
    for value, number in dict(counter.values).items():
        family.add_metric(_values(counter, value), number)
    return family


def _histogram(histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(histogram.name, histogram.words, labels=_labels(histogram))
    bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
    for value, series in dict(histogram.series).items():
        buckets = list(zip(bounds, accumulate(list(series.counts)), strict=True))
        family.add_metric(_values(histogram, value), buckets, series.total)
    return family


def _gauge(name: str, words: str, label: str, values: dict[str, float] | dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _labels(figure: Counter | Histogram) -> list[str]:
    return [figure.label] if figure.label else []


def _values(figure: Counter | Histogram, value: str) -> list[str]:
    return [value] if figure.label else []
