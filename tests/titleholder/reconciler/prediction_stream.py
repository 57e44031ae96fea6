"""A continuous stream of predictions, and a test of the split that they show."""

import asyncio
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.bench.load import read, request

CONNECTIONS = 4
# The probability that a correct server fails one test.
FALSE_ALARM = 1e-6


@dataclass(frozen=True)
class Prediction:
    """One response, with the times of request and response (seconds since the epoch)."""

    sent: float
    received: float
    status: int
    body: dict[str, Any]

    @property
    def model(self) -> str:
        """The deployed model that answered."""
        return str(self.body.get("deployedModelId"))


class PredictionStream:
    """Sends requests to a URL on several connections, each as soon as it has its last response,
    for as long as its context is open."""

    def __init__(self, url: str, row: list[float]) -> None:
        self._url = url
        self._message = request(url, json.dumps({"instances": [row]}).encode())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.predictions: list[Prediction] = []
        self.errors: list[BaseException] = []

    def __enter__(self) -> "PredictionStream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def next(self, number: int) -> list[Prediction]:
        """At least the first `number` responses to requests that are sent from now on."""
        begin, end = time.time(), time.monotonic() + 60
        known = len(self.predictions)
        while True:
            new = [
                prediction for prediction in self.predictions[known:] if prediction.sent >= begin
            ]
            if len(new) >= number:
                return new
            assert not self.errors, self.errors
            assert time.monotonic() < end, f"{len(new)} responses in a minute"
            time.sleep(0.02)

    async def _run(self) -> None:
        ended = await asyncio.gather(
            *(self._send() for _ in range(CONNECTIONS)), return_exceptions=True
        )
        self.errors += [one for one in ended if one is not None]

    async def _send(self) -> None:
        parts = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while not self._stop.is_set():
                sent = time.time()
                writer.write(self._message)
                status, body = await read(reader)
                self.predictions.append(Prediction(sent, time.time(), status, json.loads(body)))
        finally:
            writer.close()


def wrong_percentages(
    predictions: Iterable[Prediction], split: Mapping[str, int], phases: int
) -> list[str]:
    """Models whose proportion of these predictions contradicts the split.

    By Chernoff's bound, of n independent requests that a model receives with probability p, the
    proportion is q or further from p with a probability of at most exp(-n KL(q, p)) on that side,
    with KL(q, p) = q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)). Both sides for every model in each
    of `phases` phases together: less than FALSE_ALARM.
    """
    counts = Counter(prediction.model for prediction in predictions)
    number = counts.total()
    models = counts.keys() | split.keys()
    limit = math.log(2 * len(models) * phases / FALSE_ALARM)
    return [
        f"{counts[one]} of {number} predictions are of {one}, which has {split.get(one, 0)} %"
        for one in models
        if number * _divergence(counts[one] / number, split.get(one, 0) / 100) > limit
    ]


def _divergence(observed: float, expected: float) -> float:
    pairs = ((observed, expected), (1 - observed, 1 - expected))
    if any(found and not expected for found, expected in pairs):
        return math.inf
    return sum(found * math.log(found / expected) for found, expected in pairs if found)
