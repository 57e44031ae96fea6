"""The facts of models for any number of readers: one reading at a time for each model."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cachetools import LRUCache

from titleholder.config.model import ModelConfig
from titleholder.page.collect import SECONDS, Reading
from titleholder.page.facts import ENDPOINT, EVENTS, ModelFacts
from titleholder.page.text import moment

# A reload within this time does not ask Google again.
MAX_AGE = timedelta(seconds=30)
# The time that a reader waits for a reading, before the page shows what is known so far.
MAX_WAIT = timedelta(seconds=3)
MODELS = 500


@dataclass(frozen=True)
class _Entry:
    """The last reading, and the facts of the last complete one."""

    reading: Reading
    complete: ModelFacts | None


class FactsCache:
    """The facts of each model by readings that `start` begins, as of `clock`.

    The next reading of a model starts only after the threads of the last have ended: a Google that
    hangs holds two threads a model, however many readers there are. Readers hold no thread, and
    all share one event loop.
    """

    def __init__(
        self, start: Callable[[ModelConfig, datetime], Reading], clock: Callable[[], datetime]
    ) -> None:
        self._start = start
        self._clock = clock
        # By the configuration as JSON, so that a changed one is read anew.
        self._entries: LRUCache[str, _Entry] = LRUCache(MODELS)

    async def facts(self, config: ModelConfig) -> ModelFacts:
        """The facts of a reading at most MAX_AGE old. If it takes longer than MAX_WAIT, what is
        known of it so far, completed from the last complete one. Raises nothing."""
        entry = self._current(config)
        reading = entry.reading
        left = reading.at + MAX_WAIT - self._clock()
        if reading.pending and left > timedelta(0):
            pending = [asyncio.wrap_future(query) for query in reading.pending]
            await asyncio.wait(pending, timeout=left.total_seconds())
        late = self._clock() - reading.at >= timedelta(seconds=SECONDS)
        return _completed(reading.facts(late=late), entry.complete)

    def _current(self, config: ModelConfig) -> _Entry:
        key, now = config.model_dump_json(), self._clock()
        last = self._entries.get(key)
        if last is not None and (last.reading.pending or now - last.reading.at < MAX_AGE):
            return last
        complete = last.complete if last else None
        if last is not None and not (facts := last.reading.facts(late=True)).unreachable:
            complete = facts
        self._entries[key] = _Entry(self._start(config, now), complete)
        return self._entries[key]


def _completed(facts: ModelFacts, earlier: ModelFacts | None) -> ModelFacts:
    """The facts with what they lack from the earlier ones, and a note with the time of those."""
    if earlier is None or (facts.view is not None and facts.events is not None):
        return facts
    missing = [
        name for name, now in ((ENDPOINT, facts.view), (EVENTS, facts.events)) if now is None
    ]
    notes = [f"{name}: shown as of {moment(earlier.now)} UTC." for name in missing]
    return replace(
        facts,
        view=earlier.view if facts.view is None else facts.view,
        events=earlier.events if facts.events is None else facts.events,
        notes=(*facts.notes, *notes),
    )
