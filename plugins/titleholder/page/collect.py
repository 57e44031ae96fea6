"""Asks Vertex AI and BigQuery what a page says of a model."""

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

# How long Google is waited for, and the deadline of each call: no thread waits for ever.
SECONDS = 20

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What Google said, or in a sentence why there is nothing."""

    value: T | None
    why: str = ""


@dataclass(frozen=True)
class Asked:
    """What Google is being asked of one model since `at` (aware). The futures never raise."""

    config: ModelConfig
    at: datetime
    view: Future[Answer[tuple[View, str]]]
    events: Future[Answer[list[Event]]]

    @property
    def pending(self) -> list[Future[Any]]:
        """Those that have no answer yet."""
        return [one for one in (self.view, self.events) if not one.done()]

    def facts(self, *, late: bool) -> ModelFacts:
        """What is known so far. The rest counts as what could not be read when it is
        `late`, else as one that is being read."""
        asked: tuple[tuple[str, Future[Any]], ...] = (
            (ENDPOINT, self.view),
            (EVENTS, self.events),
        )
        missing = [what for what, one in asked if not one.done()]
        away = [
            f"{what} could not be read: {why}"
            for what, one in asked
            if one.done() and (why := one.result().why)
        ]
        if late:
            silence = f"Google has not answered within {SECONDS} s; look again."
            away += [f"{what} could not be read: {silence}" for what in missing]
        notes = [] if late else [f"{what}: being read now." for what in missing]
        found, events = (one.result().value if one.done() else None for _, one in asked)
        view, name = found or (None, None)
        if events is not None and name is not None:
            # Several environments may share a table; without an endpoint yet, none is named.
            events = [event for event in events if event.endpoint in ("", name)]
        elif events and (late or self.view.done()):
            away.append(
                "It is not known which of these events are of this endpoint: they are all that "
                f"{self.config.events_table} has of {self.config.model}."
            )
        return ModelFacts(
            self.config, self.at, view, events, tuple(away), tuple(notes), bool(notes)
        )


def ask(config: ModelConfig, environment: Environment, now: datetime, threads: Executor) -> Asked:
    """Begin to ask, in two of these threads, each of which ends by its calls' deadlines."""
    since = now - timedelta(days=DAYS)
    return Asked(
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
    """What is known of the model within SECONDS; what is not is told in the facts, so that one
    service that is away leaves the rest of the page. Raises nothing."""
    threads = ThreadPoolExecutor(2, thread_name_prefix="titleholder-page")
    asked = ask(config, environment, now, threads)
    wait_for(asked.pending, SECONDS)
    # Whatever hangs ends by itself, and is not waited for.
    threads.shutdown(wait=False, cancel_futures=True)
    return asked.facts(late=True)


def _endpoint(config: ModelConfig, environment: Environment) -> tuple[View, str]:
    """What is there, and the endpoint's resource name, also where there is none yet."""
    endpoints = Endpoints(environment, config, timeout_seconds=SECONDS)
    view = endpoints.observe()
    return view, view.endpoint or endpoints.resource()[0]


def _answer(read: Callable[[], T]) -> Answer[T]:
    try:
        return Answer(read())
    except Exception as error:
        said = user_message(error)
        if said is None:
            log.exception("titleholder: a page could not be made")
            said = "something went wrong that the log of the server has."
        return Answer(None, said)
