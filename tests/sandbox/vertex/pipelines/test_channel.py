"""The connection of a runner to its server."""

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
    events: IO[str]
    answers: IO[str]
    disconnected: threading.Event


@pytest.fixture
def line() -> Iterator[Line]:
    """A channel, and the server's ends of its pipes."""
    events_read, events_write = os.pipe()
    answers_read, answers_write = os.pipe()
    disconnected = threading.Event()
    with (
        os.fdopen(events_read, encoding="utf-8") as sent,
        os.fdopen(events_write, "w", encoding="utf-8", buffering=1) as events,
        os.fdopen(answers_write, "w", encoding="utf-8", buffering=1) as server_input,
        os.fdopen(answers_read, encoding="utf-8") as runner_input,
    ):
        channel = Channel(events, runner_input, disconnected.set)
        yield Line(channel, sent, server_input, disconnected)
        server_input.close()
        channel._listener.join(10)


def test_a_question_gets_its_own_answer(line: Line) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(line.channel.ask("cache", {"key": "k"})))
    thread.start()
    question = json.loads(line.events.readline())
    assert (question["kind"], question["about"]) == ("cache", {"key": "k"})
    line.answers.write(json.dumps({"number": question["number"], "answer": {"a": 1}}) + "\n")
    thread.join(10)
    assert found == [{"a": 1}]


def test_after_close_no_thread_reads(line: Line) -> None:
    closing = threading.Thread(target=line.channel.close, args=(RunEvent(),))
    closing.start()
    assert json.loads(line.events.readline()) == {"event": "RunEvent", "error": None}
    assert closing.is_alive()
    line.answers.close()
    closing.join(10)
    assert not line.channel._listener.is_alive()
    assert not line.disconnected.is_set()


def test_a_server_that_disconnects_early_is_noticed(line: Line) -> None:
    line.answers.close()
    assert line.disconnected.wait(10)
