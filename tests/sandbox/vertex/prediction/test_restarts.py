"""Concurrent requests to a model whose containers start again."""

import threading

import pytest

from sandbox.vertex.http.errors import Unavailable
from sandbox.vertex.prediction.restarts import Restarts

SECONDS = 20


def test_a_failure_is_shared_and_the_next_request_starts_again() -> None:
    restarts, asked, starts = Restarts[int](), threading.Event(), []

    def fail() -> int:
        starts.append("fails")
        assert asked.wait(SECONDS)
        raise Unavailable("The model server ended.")

    waiting = [restarts.run("model", fail) for _ in range(3)]
    assert not waiting[0].cancel(), "a client that disconnects must not stop the others' start"
    assert restarts.run("other", lambda: 2).result(SECONDS) == 2
    asked.set()
    for one in waiting:
        with pytest.raises(Unavailable):
            one.result(SECONDS)
    assert starts == ["fails"]
    assert restarts.run("model", lambda: 1).result(SECONDS) == 1
    restarts.join()
