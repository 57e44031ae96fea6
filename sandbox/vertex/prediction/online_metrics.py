"""The metrics of predictions: counted in memory by the minute, then written to Cloud Monitoring."""

import logging
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sandbox.monitoring.descriptors import ENDPOINT, ONLINE
from sandbox.monitoring.distributions import Distribution, Options, bounds
from sandbox.monitoring.series import SECOND, Identity, Labels, Point, labels, micros
from sandbox.monitoring.store import MetricStore
from sandbox.vertex.clock import Clock

_LOG: Final = logging.getLogger(__name__)
_MINUTE: Final = 60 * SECOND
_PAUSE: Final = 5.0
# Google documents no buckets: two of these double, from an eighth of a millisecond to 17 minutes.
_BUCKETS: Final[Options] = ("exponential", 46, 2**0.5, 0.125)
_BOUNDS: Final = bounds(_BUCKETS)
_LATENCIES: Final = ("total", "model", "overhead")
_COUNTS: Final = ("prediction_count", "error_count")


@dataclass(frozen=True)
class Served:
    """A deployed model whose replicas are counted: its endpoint's name, both display names, and how
    many replicas are healthy and how many there should be."""

    endpoint: str
    endpoint_display_name: str
    deployed_id: str
    model_display_name: str
    healthy: int
    target: int


class _Latency:
    __slots__ = ("count", "counts", "squares", "total")

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0
        self.counts = [0] * (len(_BOUNDS) + 1)

    def add(self, milliseconds: float) -> None:
        self.count += 1
        self.total += milliseconds
        self.squares += milliseconds * milliseconds
        self.counts[bisect_right(_BOUNDS, milliseconds)] += 1

    def distribution(self) -> Distribution:
        mean = self.total / self.count
        deviation = max(0.0, self.squares - self.total * mean)
        return Distribution(self.count, mean, deviation, _BUCKETS, tuple(self.counts))


@dataclass
class _Minute:
    predictions: int = 0
    errors: int = 0
    responses: dict[int, int] = field(default_factory=dict)
    latencies: tuple[_Latency, ...] = field(
        default_factory=lambda: tuple(_Latency() for _ in _LATENCIES)
    )


_Key = tuple[int, str, str, str, str]


class OnlineMetrics:
    """Counts predictions in a few microseconds; `collect` writes what was counted.

    A thread, which exists from the first prediction or deployed model on, writes every five
    seconds: a kill of the server loses no more.
    """

    def __init__(
        self, store: MetricStore, clock: Clock, served: Callable[[], Iterator[Served]]
    ) -> None:
        """`served` finds the deployed models, whose replicas are sampled once in a minute."""
        self._store = store
        self._clock = clock
        self._served = served
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._minutes: dict[_Key, _Minute] = {}
        self._sampled = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vertex-metrics", daemon=True)

    def count(
        self,
        endpoint: str,
        endpoint_display_name: str,
        deployed_id: str,
        model_display_name: str,
        status: int,
        predictions: int,
        total: float,
        model: float,
    ) -> None:
        """Count a request to a deployed model: the HTTP `status` of its response, the number of
        its `predictions`, and the seconds that it took in `total` and in the `model` server.
        `endpoint` is the endpoint's name."""
        minute = _minute_of(self._clock())
        key = (minute, endpoint, endpoint_display_name, deployed_id, model_display_name)
        with self._lock:
            found = self._minutes.get(key)
            if found is None:
                found = self._minutes[key] = _Minute()
            if status < 400:
                found.predictions += predictions
            else:
                found.errors += 1
            kind = status // 100
            found.responses[kind] = found.responses.get(kind, 0) + 1
            whole, inner, outer = found.latencies
            whole.add(total * 1000)
            inner.add(model * 1000)
            outer.add((total - model) * 1000)

    def collect(self) -> None:
        """Write what was counted, and sample the replicas if that was not done in this minute."""
        with self._writing:
            now = self._clock()
            with self._lock:
                minutes, self._minutes = self._minutes, {}
            points = [point for key, counted in minutes.items() for point in _points(key, counted)]
            if points:
                self._store.add(points, micros(now))
            minute = _minute_of(now)
            if minute != self._sampled:
                self._sampled = minute
                samples = [point for one in self._served() for point in _samples(one, minute)]
                if samples:
                    self._store.put(samples, micros(now))

    def start(self) -> None:
        """Begin to write at intervals."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread, and write what was counted."""
        self._closed.set()
        self._thread.join()
        self.collect()

    def _run(self) -> None:
        while not self._closed.wait(_PAUSE):
            try:
                self.collect()
            except Exception:  # a full disk, or a bug in the sandbox: predictions go on
                _LOG.exception("the metrics of predictions cannot be written")


def _minute_of(time: datetime) -> int:
    return int(time.timestamp()) // 60


def _points(key: _Key, counted: _Minute) -> Iterator[tuple[Identity, Point]]:
    minute, endpoint, endpoint_name, deployed_id, model_name = key
    start, end = minute * _MINUTE, (minute + 1) * _MINUTE

    def point(metric: str, value: Any, **more: str) -> tuple[Identity, Point]:
        found = _identity(metric, endpoint, endpoint_name, deployed_id, model_name, more)
        return found, Point(start, end, value)

    for metric, value in zip(_COUNTS, (counted.predictions, counted.errors), strict=True):
        if value:
            yield point(metric, value)
    for kind, number in counted.responses.items():
        yield point("response_count", number, response_code=f"{kind}xx")
    for latency_type, latency in zip(_LATENCIES, counted.latencies, strict=True):
        yield point("prediction_latencies", latency.distribution(), latency_type=latency_type)


def _samples(one: Served, minute: int) -> Iterator[tuple[Identity, Point]]:
    names = (one.endpoint, one.endpoint_display_name, one.deployed_id, one.model_display_name)
    at = minute * _MINUTE
    for metric, value in (("replicas", one.healthy), ("target_replicas", one.target)):
        yield _identity(metric, *names, {}), Point(at, at, value)


def _identity(
    metric: str,
    endpoint: str,
    endpoint_name: str,
    deployed_id: str,
    model_name: str,
    more: dict[str, str],
) -> Identity:
    _, project, _, location, _, endpoint_id = endpoint.split("/")
    metric_labels: Labels = labels(
        {
            "deployed_model_id": deployed_id,
            "spot": "False",
            "model_display_name": model_name,
            "endpoint_display_name": endpoint_name,
            **more,
        }
    )
    place = {"resource_container": project, "location": location, "endpoint_id": endpoint_id}
    return Identity(f"{ONLINE}{metric}", metric_labels, ENDPOINT, labels(place))
