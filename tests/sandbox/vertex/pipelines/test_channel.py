"""A runner's line to its server, and how it ends."""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import pytest

from sandbox.vertex.pipelines.protocol.channel import Channel
from sandbox.vertex.pipelines.protocol.events import RunEvent


@dataclass
class Line:
    channel: Channel
    told: IO[str]
    answers: IO[str]
    gone: threading.Event


@pytest.fixture
def line() -> Iterator[Line]:
    """A channel, and the server's ends of its pipes."""
    told, out = os.pipe()
    source, answers = os.pipe()
    gone = threading.Event()
    with (
        os.fdopen(told, encoding="utf-8") as heard,
        os.fdopen(out, "w", encoding="utf-8", buffering=1) as events,
        os.fdopen(answers, "w", encoding="utf-8", buffering=1) as says,
        os.fdopen(source, encoding="utf-8") as incoming,
    ):
        channel = Channel(events, incoming, gone.set)
        yield Line(channel, heard, says, gone)
        says.close()
        channel._listener.join(10)


def test_a_question_gets_its_own_answer(line: Line) -> None:
    found: list[object] = []
    asking = threading.Thread(target=lambda: found.append(line.channel.ask("cache", {"key": "k"})))
    asking.start()
    asked = json.loads(line.told.readline())
    assert (asked["kind"], asked["about"]) == ("cache", {"key": "k"})
    line.answers.write(json.dumps({"number": asked["number"], "answer": {"a": 1}}) + "\n")
    asking.join(10)
    assert found == [{"a": 1}]


def test_nobody_reads_any_more_once_it_is_closed(line: Line) -> None:
    closing = threading.Thread(target=line.channel.close, args=(RunEvent(),))
    closing.start()
    assert json.loads(line.told.readline()) == {"event": "RunEvent", "error": None}
    assert closing.is_alive()
    line.answers.close()
    closing.join(10)
    assert not line.channel._listener.is_alive()
    assert not line.gone.is_set()


def test_a_server_that_goes_before_is_noticed(line: Line) -> None:
    line.answers.close()
    assert line.gone.wait(10)
