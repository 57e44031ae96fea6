"""Reads the facts of a model from Vertex AI and BigQuery."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from titleholder.config.model import ModelConfig
from titleholder.events.event import Event
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import user_message
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.page.facts import DAYS, ENDPOINT, EVENTS, ModelFacts
from titleholder.rollout.view import View

# The longest wait for Google, and the deadline of each call, so that every thread ends.
SECONDS = 20

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """Google's answer, or in one sentence why there is none."""

    value: T | None
    error: str = ""


@dataclass(frozen=True)
class Reading:
    """The two queries about one model, started at `at` (aware). The futures never raise."""

    config: ModelConfig
    at: datetime
    view: Future[Answer[tuple[View, str]]]
    events: Future[Answer[list[Event]]]

    @property
    def pending(self) -> list[Future[Any]]:
        """The queries without an answer yet."""
        return [query for query in (self.view, self.events) if not query.done()]

    def facts(self, *, late: bool) -> ModelFacts:
        """The facts so far. What is pending counts as unreachable when it is `late`, else as being
        read."""
        queries: tuple[tuple[str, Future[Any]], ...] = (
            (ENDPOINT, self.view),
            (EVENTS, self.events),
        )
        missing = [name for name, query in queries if not query.done()]
        timeout = f"Google has not answered within {SECONDS} s; try again."
        errors = [
            (name, query.result().error if query.done() else timeout if late else "")
            for name, query in queries
        ]
        unreachable = [f"{name} could not be read: {error}" for name, error in errors if error]
        notes = [] if late else [f"{name}: being read now." for name in missing]
        found, events = (query.result().value if query.done() else None for _, query in queries)
        view, endpoint = found or (None, None)
        if events is not None and endpoint is not None:
            # Several environments may share a table; events from before an endpoint name none.
            events = [event for event in events if event.endpoint in ("", endpoint)]
        elif events and (late or self.view.done()):
            unreachable.append(
                "It is not known which of these events are of this endpoint: they are all that "
                f"{self.config.events_table} has of {self.config.model}."
            )
        return ModelFacts(
            self.config, self.at, view, events, tuple(unreachable), tuple(notes), bool(notes)
        )


def start_reading(
    config: ModelConfig, environment: Environment, now: datetime, threads: Executor
) -> Reading:
    """Start both queries, each in one of `threads` until its calls' deadlines at the latest."""
    since = now - timedelta(days=DAYS)
    return Reading(
        config,
        now,
        threads.submit(_answer, lambda: _endpoint(config, environment)),
        threads.submit(
            _answer,
            lambda: EventsTable(environment, config.events_table, timeout_seconds=SECONDS).read(
                config.model, since=since
            ),
        ),
    )


def collect(config: ModelConfig, environment: Environment, now: datetime) -> ModelFacts:
    """The facts of the model after at most SECONDS. What could not be read is named in them, so
    that the rest of the page stays. Raises nothing."""
    threads = ThreadPoolExecutor(2, thread_name_prefix="titleholder-page")
    reading = start_reading(config, environment, now, threads)
    wait_for(reading.pending, SECONDS)
    # A query that hangs ends by its own deadline.
    threads.shutdown(wait=False, cancel_futures=True)
    return reading.facts(late=True)


def _endpoint(config: ModelConfig, environment: Environment) -> tuple[View, str]:
    """The view, and the endpoint's resource name, also before it is created."""
    endpoints = Endpoints(environment, config, timeout_seconds=SECONDS)
    view = endpoints.observe()
    return view, view.endpoint or endpoints.resource()[0]


def _answer(read: Callable[[], T]) -> Answer[T]:
    try:
        return Answer(read())
    except Exception as error:
        message = user_message(error)
        if message is None:
            log.exception("titleholder: a page could not be made")
            message = "something went wrong; the log of the server has the details."
        return Answer(None, message)
