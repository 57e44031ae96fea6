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
    view = threads.submit(lambda: Endpoints(environment, config).observe())
    events = threads.submit(
        lambda: EventTable(environment, config.events, patience=SECONDS).read(
            config.model, since=since
        )
    )
    running: tuple[Future[Any], ...] = view, events
    wait_for(running, SECONDS)
    # Whatever hangs ends by itself; nobody waits for it.
    threads.shutdown(wait=False, cancel_futures=True)
    asked = (("The endpoint", view), ("The events", events))
    away = tuple(f"{what} could not be read: {why}" for what, one in asked if (why := _why(one)))
    return Facts(config, now, _found(view), _found(events), away)


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
