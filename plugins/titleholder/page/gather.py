"""Asks Vertex AI and BigQuery what a page says of a model."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import datetime, timedelta
from typing import Any, TypeVar

from titleholder.config import ModelConfig
from titleholder.environment import Environment
from titleholder.event_table import EventTable
from titleholder.page.facts import DAYS, Facts
from titleholder.rollout.view import View
from titleholder.telling import told
from titleholder.vertex.endpoints import Endpoints

SECONDS = 20

T = TypeVar("T")
log = logging.getLogger(__name__)


def gather(config: ModelConfig, environment: Environment, now: datetime) -> Facts:
    """What is known of the model within SECONDS; what is not is told in the facts, so that one
    service that is away leaves the rest of the page. Raises nothing."""
    since = now - timedelta(days=DAYS)
    threads = ThreadPoolExecutor(2, thread_name_prefix="titleholder-page")
    endpoint = threads.submit(_endpoint, config, environment)
    events = threads.submit(
        lambda: EventTable(environment, config.events, patience=SECONDS).read(
            config.model, since=since
        )
    )
    running: tuple[Future[Any], ...] = endpoint, events
    wait_for(running, SECONDS)
    # Whatever hangs ends by itself; nobody waits for it.
    threads.shutdown(wait=False, cancel_futures=True)
    asked = (("The endpoint", endpoint), ("The events", events))
    away = tuple(f"{what} could not be read: {why}" for what, one in asked if (why := _why(one)))
    view, name = _found(endpoint) or (None, None)
    read = _found(events)
    if read is not None and name is not None:
        # Several environments may share a table; without an endpoint yet, none is named.
        read = [event for event in read if event.endpoint in ("", name)]
    elif read is not None:
        away += (
            "It is not known which of these events are of this endpoint: they are all that "
            f"{config.events} has of {config.model}.",
        )
    return Facts(config, now, view, read, away)


def _endpoint(config: ModelConfig, environment: Environment) -> tuple[View, str]:
    """What is there, and the endpoint's resource name, also where there is none yet."""
    endpoints = Endpoints(environment, config)
    view = endpoints.observe()
    return view, view.endpoint or endpoints.resource()[0]


def _why(asked: Future[Any]) -> str:
    if not asked.done():
        return f"Google has not answered within {SECONDS} s; look again."
    error = asked.exception()
    if error is None:
        return ""
    said = told(error) if isinstance(error, Exception) else None
    if said is None:
        log.error("titleholder: a page could not be made", exc_info=error)
        said = "something went wrong that the log of the server has."
    return said


def _found(asked: Future[T]) -> T | None:
    return asked.result() if asked.done() and asked.exception() is None else None
