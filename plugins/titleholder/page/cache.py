"""The models' data for any number of readers: asked of Google once, however many look."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cachetools import LRUCache

from titleholder.config.model import ModelConfig
from titleholder.page.collect import SECONDS, Asked
from titleholder.page.facts import ENDPOINT, EVENTS, ModelFacts
from titleholder.page.text import moment

# Whoever reloads does not ask Google again.
MAX_AGE = timedelta(seconds=30)
# How long a reader waits for a reading that has begun, before it is shown what there is.
MAX_WAIT = timedelta(seconds=3)
MODELS = 500


@dataclass(frozen=True)
class _Reading:
    """What is being asked, and the last facts that lack nothing."""

    asked: Asked
    whole: ModelFacts | None


class ReadingCache:
    """What `ask` finds of each model, as of `clock`.

    A model is read once at a time, and not anew before the last reading's threads have ended: a
    Google that hangs holds two threads a model, whoever looks. No reader holds a thread. All
    readers share one event loop.
    """

    def __init__(
        self, ask: Callable[[ModelConfig, datetime], Asked], clock: Callable[[], datetime]
    ) -> None:
        self._ask = ask
        self._clock = clock
        # By the configuration, as JSON: what a changed one asks for is something else.
        self._readings: LRUCache[str, _Reading] = LRUCache(MODELS)

    async def facts(self, config: ModelConfig) -> ModelFacts:
        """The facts of a reading at most KEPT old. While that is not there, PATIENCE after it
        began, what there is of it, and of the last reading that was whole. Raises nothing."""
        reading = self._current(config)
        asked = reading.asked
        left = asked.at + MAX_WAIT - self._clock()
        if asked.pending and left > timedelta(0):
            waited = [asyncio.wrap_future(one) for one in asked.pending]
            await asyncio.wait(waited, timeout=left.total_seconds())
        late = self._clock() - asked.at >= timedelta(seconds=SECONDS)
        return _filled(asked.facts(late=late), reading.whole)

    def _current(self, config: ModelConfig) -> _Reading:
        key, now = config.model_dump_json(), self._clock()
        last = self._readings.get(key)
        if last is not None and (last.asked.pending or now - last.asked.at < MAX_AGE):
            return last
        whole = last.whole if last else None
        if last is not None and not (facts := last.asked.facts(late=True)).unreachable:
            whole = facts
        self._readings[key] = _Reading(self._ask(config, now), whole)
        return self._readings[key]


def _filled(facts: ModelFacts, before: ModelFacts | None) -> ModelFacts:
    """With what they lack as it was before, and since when it is that."""
    if before is None or (facts.view is not None and facts.events is not None):
        return facts
    old = [what for what, now in ((ENDPOINT, facts.view), (EVENTS, facts.events)) if now is None]
    notes = [f"{what}: shown as of {moment(before.now)} UTC." for what in old]
    return replace(
        facts,
        view=before.view if facts.view is None else facts.view,
        events=before.events if facts.events is None else facts.events,
        notes=(*facts.notes, *notes),
    )
