"""One reading of a model at a time; what readers are shown meanwhile."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.titleholder.page.model_sections import CONFIG, ENDPOINT, NOW, event
from titleholder.config.model import ModelConfig
from titleholder.page import cache as readings
from titleholder.page.cache import MAX_AGE, ReadingCache
from titleholder.page.collect import SECONDS, Answer, Asked
from titleholder.page.facts import ModelFacts
from titleholder.rollout.view import View

VIEW = View("linnerud", ENDPOINT)


@dataclass
class Google:
    """Is asked by `readings`, and answers what a test says, when it says so; `now` is its clock."""

    now: datetime = NOW
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.readings = ReadingCache(self.ask, lambda: self.now)

    def ask(self, config: ModelConfig, now: datetime) -> Asked:
        self.asked.append(Asked(config, now, Future(), Future()))
        return self.asked[-1]

    def answer(self, **last: Answer[Any]) -> None:
        """By `view` and `events` what was asked last."""
        for name, value in last.items():
            getattr(self.asked[-1], name).set_result(value)

    def look(self, readers: int = 1, config: ModelConfig = CONFIG) -> list[ModelFacts]:
        """What so many readers are shown at once."""

        async def all_look() -> list[ModelFacts]:
            return await asyncio.gather(*(self.readings.facts(config) for _ in range(readers)))

        return asyncio.run(all_look())


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    """With readers that do not wait."""
    monkeypatch.setattr(readings, "MAX_WAIT", timedelta(0))
    return Google()


def test_one_reading_at_a_time_however_many_look(google: Google) -> None:
    shown = google.look(readers=40)
    assert len(google.asked) == 1
    for facts in shown:
        assert facts.notes == ("The endpoint: being read now.", "The events: being read now.")
        assert facts.unfinished
    # Not even when another would be due, before the threads of the last have ended.
    google.now += 10 * MAX_AGE
    (facts,) = google.look()
    assert len(google.asked) == 1
    assert facts.unreachable == (
        f"The endpoint could not be read: Google has not answered within {SECONDS} s; look again.",
        f"The events could not be read: Google has not answered within {SECONDS} s; look again.",
    )
    assert not facts.unfinished
    google.look(config=CONFIG.model_copy(update={"description": "another"}))
    assert len(google.asked) == 2


def test_what_was_read_is_kept(google: Google) -> None:
    google.look()
    google.answer(view=Answer((VIEW, ENDPOINT)), events=Answer([]))
    google.now += MAX_AGE / 2
    (facts,) = google.look()
    assert facts == ModelFacts(CONFIG, NOW, VIEW, [])
    google.now += MAX_AGE
    google.look()
    assert len(google.asked) == 2


def test_the_last_answer_is_shown_with_its_time(google: Google) -> None:
    known = event(1, "promote")
    google.look()
    google.answer(view=Answer((VIEW, ENDPOINT)), events=Answer([known]))
    google.now += timedelta(hours=2)
    for facts in google.look(readers=40):
        assert (facts.view, facts.events) == (VIEW, [known])
        assert "The endpoint: shown as of 2026-11-25 09:00 UTC." in facts.notes
        assert facts.unfinished
    # Also when the new reading fails, and the one after that; and part by part.
    google.answer(view=Answer(None, "no."), events=Answer([]))
    for _ in range(2):
        (facts,) = google.look()
        assert (facts.view, facts.events) == (VIEW, [])
        assert facts.unreachable == ("The endpoint could not be read: no.",)
        assert facts.notes == ("The endpoint: shown as of 2026-11-25 09:00 UTC.",)
        assert not facts.unfinished
        google.now += MAX_AGE
        google.look()
        google.answer(view=Answer(None, "no."), events=Answer([]))


def test_a_reader_waits_a_little_for_a_reading(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "MAX_WAIT", timedelta(minutes=1))

    async def answered() -> list[ModelFacts]:
        looks = [asyncio.create_task(google.readings.facts(CONFIG)) for _ in range(3)]
        while not google.asked:
            await asyncio.sleep(0)
        google.answer(view=Answer((VIEW, ENDPOINT)), events=Answer([]))
        return await asyncio.gather(*looks)

    assert asyncio.run(answered()) == [ModelFacts(CONFIG, NOW, VIEW, [])] * 3
