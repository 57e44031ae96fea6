"""Predictions without a pause, and what may be said of them afterwards."""

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
# How often a sound server may fail one test: less than once in a million runs.
FALSE_ALARM = 1e-6


@dataclass(frozen=True)
class Answer:
    """One answer, when it was asked for and when it was there."""

    sent: float
    received: float
    status: int
    body: dict[str, Any]

    @property
    def model(self) -> str:
        """The deployed model that gave it."""
        return str(self.body.get("deployedModelId"))


class Stream:
    """Asks a URL on some connections at once, each again as soon as it has its answer, from
    `with` to its end."""

    def __init__(self, url: str, row: list[float]) -> None:
        self._url = url
        self._message = request(url, json.dumps({"instances": [row]}).encode())
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.answers: list[Answer] = []
        self.broken: list[BaseException] = []

    def __enter__(self) -> "Stream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def next(self, number: int) -> list[Answer]:
        """The first `number` answers, or some more, to what is sent from now on."""
        begin, end = time.time(), time.monotonic() + 60
        known = len(self.answers)
        while True:
            found = [answer for answer in self.answers[known:] if answer.sent >= begin]
            if len(found) >= number:
                return found
            assert not self.broken, self.broken
            assert time.monotonic() < end, f"{len(found)} answers in a minute"
            time.sleep(0.02)

    async def _run(self) -> None:
        ended = await asyncio.gather(
            *(self._ask() for _ in range(CONNECTIONS)), return_exceptions=True
        )
        self.broken += [one for one in ended if one is not None]

    async def _ask(self) -> None:
        parts = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while not self._over.is_set():
                sent = time.time()
                writer.write(self._message)
                status, body = await read(reader)
                self.answers.append(Answer(sent, time.time(), status, json.loads(body)))
        finally:
            writer.close()


def astray(answers: Iterable[Answer], split: Mapping[str, int], phases: int) -> list[str]:
    """Models whose share of these answers is not what the split says.

    By Chernoff's bound, of n independent answers that go to a model with probability p, the share
    is q or further from p with a probability of at most exp(-n KL(q, p)) on that side, with
    KL(q, p) = q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)). Both sides of every model of every one
    of `phases` phases together: less than FALSE_ALARM.
    """
    counts = Counter(answer.model for answer in answers)
    number = counts.total()
    models = counts.keys() | split.keys()
    limit = math.log(2 * len(models) * phases / FALSE_ALARM)
    return [
        f"{counts[one]} of {number} answers are of {one}, which has {split.get(one, 0)} %"
        for one in models
        if number * _divergence(counts[one] / number, split.get(one, 0) / 100) > limit
    ]


def _divergence(observed: float, wanted: float) -> float:
    pairs = ((observed, wanted), (1 - observed, 1 - wanted))
    if any(found and not meant for found, meant in pairs):
        return math.inf
    return sum(found * math.log(found / meant) for found, meant in pairs if found)
