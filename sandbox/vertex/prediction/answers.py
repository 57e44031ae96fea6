"""Responses of model servers, and their count in the metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

from sandbox.vertex.http.errors import ApiError
from sandbox.vertex.prediction.model_client import Reply
from sandbox.vertex.prediction.online_metrics import OnlineMetrics
from sandbox.vertex.prediction.serving import Target


class Answer(NamedTuple):
    """The response of a model server, and when the request for it came, was sent on, and was
    answered, in seconds of `perf_counter`."""

    target: Target
    reply: Reply
    started: float
    sent: float
    received: float


class AnswerCounter:
    """Counts each request that was sent on to a model server, by what its caller gets."""

    def __init__(self, metrics: OnlineMetrics) -> None:
        self._metrics = metrics

    @contextmanager
    def counted(self, endpoint: str, answer: Answer, predictions: int) -> Iterator[None]:
        """Count the response after the block, as a failure if it raises ApiError. `endpoint` is the
        endpoint's name."""
        status = answer.reply.status
        try:
            yield
        except ApiError as error:
            status = error.http_status
            raise
        finally:
            times = (answer.started, answer.sent, answer.received)
            self.count(endpoint, answer.target, status, predictions, *times)

    @contextmanager
    def unanswered(
        self, endpoint: str, target: Target, started: float, sent: float
    ) -> Iterator[None]:
        """Count a request for which the block, that sends it on, raises ApiError."""
        try:
            yield
        except ApiError as error:
            self.count(endpoint, target, error.http_status, 0, started, sent)
            raise

    def count(
        self,
        endpoint: str,
        target: Target,
        status: int,
        predictions: int,
        started: float,
        sent: float,
        received: float | None = None,
    ) -> None:
        """Count a request; without `received` the model server has not responded."""
        now = perf_counter()
        self._metrics.count(
            endpoint,
            target.endpoint_display_name,
            target.deployed_id,
            target.display_name,
            status,
            predictions,
            now - started,
            (received or now) - sent,
        )
