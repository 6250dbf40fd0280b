"""Prometheus metrics: answers by route and status, their bytes and durations.

Whichever worker process answers a scrape must answer for all of them. prometheus-client does that through files in a
folder that all processes share; it decides so when it is first imported, by the environment variable
``PROMETHEUS_MULTIPROC_DIR``. The supervisor calls `share_metrics` before it starts workers, each of which is a fresh
interpreter. A single process needs none of it.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from medtiles import __version__
from medtiles.access_log import Answer

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
"""Any other is counted as "other": a client must not be able to make labels."""
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def share_metrics(folder: Path) -> None:
    """Make processes started from now on sum their metrics through files in this (empty) folder."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[_SHARED] = str(folder)


def forget_process(pid: int) -> None:
    """Take a dead worker's present state out of the sums; what it counted stays."""
    if _SHARED in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of this process, and the text for a scrape. One for each process."""

    def __init__(self, gauges: Callable[[], Mapping[str, float]] | None = None) -> None:
        """`gauges` gives values of the moment by metric name; they are of this process alone and say so by a label."""
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "medtiles_answers", "Answers given.", ["route", "method", "status"], registry=self._registry
        )
        self._bytes = Counter("medtiles_sent_bytes", "Bytes of bodies sent.", ["route"], registry=self._registry)
        self._seconds = Histogram(
            "medtiles_answer_seconds",
            "Seconds from a request's header to its answer's last byte.",
            ["route"],
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._own = CollectorRegistry()
        self._own.register(_OwnGauges(gauges))

    def count(self, answers: Iterable[Answer]) -> None:
        """Add a batch of answers."""
        numbers: Tally[tuple[str, str, int]] = Tally()
        sizes: Tally[str] = Tally()
        durations: dict[str, list[float]] = {}
        for _, _, method, _, _, status, size, seconds, route, _, _ in answers:
            numbers[route, method if method in _METHODS else "other", status] += 1
            sizes[route] += size
            durations.setdefault(route, []).append(seconds)
        for (route, method, status), number in numbers.items():
            self._answers.labels(route, method, str(status)).inc(number)
        for route, size in sizes.items():
            self._bytes.labels(route).inc(size)
        for route, taken in durations.items():
            self._observe(route, taken)

    def _observe(self, route: str, seconds: list[float]) -> None:
        """What `observe` does for one value, for many at once: alone it costs more than the rest of a record."""
        histogram = self._seconds.labels(route)
        for index, number in Tally(bisect_left(_BUCKETS, each) for each in seconds).items():
            histogram._buckets[index].inc(number)  # noqa: SLF001 - the library observes one value at a time only
        histogram._sum.inc(sum(seconds))  # noqa: SLF001

    def text(self) -> bytes:
        """The exposition text: sums over all processes, then the gauges of this one."""
        registry = self._registry
        if _SHARED in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + generate_latest(self._own)


class _OwnGauges(Collector):
    """The version, and values of the moment, labelled by process."""

    def __init__(self, gauges: Callable[[], Mapping[str, float]] | None) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        build = GaugeMetricFamily("medtiles_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        pid = str(os.getpid())
        for name, value in (self._gauges() if self._gauges else {}).items():
            family = GaugeMetricFamily(name, "A value of the moment, of one process.", labels=["process"])
            family.add_metric([pid], value)
            yield family
