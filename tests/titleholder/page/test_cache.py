"""One reading of a model at a time, and what is shown meanwhile."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.titleholder.page.model_sections import CONFIG, ENDPOINT, NOW, event
from titleholder.config.model import ModelConfig
from titleholder.page import cache
from titleholder.page.cache import MAX_AGE, FactsCache
from titleholder.page.collect import SECONDS, Answer, Reading
from titleholder.page.facts import ModelFacts
from titleholder.rollout.view import View

VIEW = View("linnerud", ENDPOINT)


@dataclass
class Google:
    """Starts the readings of `cache`, and answers them when a test says so; `now` is its clock."""

    now: datetime = NOW
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache = FactsCache(self.start, lambda: self.now)

    def start(self, config: ModelConfig, now: datetime) -> Reading:
        self.readings.append(Reading(config, now, Future(), Future()))
        return self.readings[-1]

    def answer(self, **last: Answer[Any]) -> None:
        """Answer the queries `view` and `events` of the last reading."""
        for name, value in last.items():
            getattr(self.readings[-1], name).set_result(value)

    def read(self, readers: int = 1, config: ModelConfig = CONFIG) -> list[ModelFacts]:
        """The facts that so many readers receive at once."""

        async def read_all() -> list[ModelFacts]:
            return await asyncio.gather(*(self.cache.facts(config) for _ in range(readers)))

        return asyncio.run(read_all())


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    """With readers that do not wait."""
    monkeypatch.setattr(cache, "MAX_WAIT", timedelta(0))
    return Google()


def test_many_readers_share_one_reading(google: Google) -> None:
    shown = google.read(readers=40)
    assert len(google.readings) == 1
    for facts in shown:
        assert facts.notes == ("The endpoint: being read now.", "The events: being read now.")
        assert facts.unfinished
    # No other reading starts before the threads of the last have ended.
    google.now += 10 * MAX_AGE
    (facts,) = google.read()
    assert len(google.readings) == 1
    assert facts.unreachable == (
        f"The endpoint could not be read: Google has not answered within {SECONDS} s; try again.",
        f"The events could not be read: Google has not answered within {SECONDS} s; try again.",
    )
    assert not facts.unfinished
    google.read(config=CONFIG.model_copy(update={"description": "another"}))
    assert len(google.readings) == 2


def test_a_reading_is_kept_for_a_time(google: Google) -> None:
    google.read()
    google.answer(view=Answer((VIEW, ENDPOINT)), events=Answer([]))
    google.now += MAX_AGE / 2
    (facts,) = google.read()
    assert facts == ModelFacts(CONFIG, NOW, VIEW, [])
    google.now += MAX_AGE
    google.read()
    assert len(google.readings) == 2


def test_the_last_complete_facts_are_shown_with_their_time(google: Google) -> None:
    known = event(1, "promote")
    google.read()
    google.answer(view=Answer((VIEW, ENDPOINT)), events=Answer([known]))
    google.now += timedelta(hours=2)
    for facts in google.read(readers=40):
        assert (facts.view, facts.events) == (VIEW, [known])
        assert "The endpoint: shown as of 2026-11-25 09:00 UTC." in facts.notes
        assert facts.unfinished
    # Also when the new reading fails, and the one after that; and part by part.
    google.answer(view=Answer(None, "no."), events=Answer([]))
    for _ in range(2):
        (facts,) = google.read()
        assert (facts.view, facts.events) == (VIEW, [])
        assert facts.unreachable == ("The endpoint could not be read: no.",)
        assert facts.notes == ("The endpoint: shown as of 2026-11-25 09:00 UTC.",)
        assert not facts.unfinished
        google.now += MAX_AGE
        google.read()
        google.answer(view=Answer(None, "no."), events=Answer([]))


def test_a_reader_waits_a_limited_time_for_a_reading(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_WAIT", timedelta(minutes=1))

    async def answered() -> list[ModelFacts]:
        tasks = [asyncio.create_task(google.cache.facts(CONFIG)) for _ in range(3)]
        while not google.readings:
            await asyncio.sleep(0)
        google.answer(view=Answer((VIEW, ENDPOINT)), events=Answer([]))
        return await asyncio.gather(*tasks)

    assert asyncio.run(answered()) == [ModelFacts(CONFIG, NOW, VIEW, [])] * 3
