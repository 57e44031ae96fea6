"""Waits for what other processes and threads do."""

import time
from collections.abc import Callable
from typing import Any


def until(done: Callable[[], Any], what: str, seconds: float = 30, pause: float = 0.02) -> Any:
    """The first true value that `done` returns, asked every `pause` seconds; fails after
    `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, f"still waiting for {what} after {seconds} seconds"
        time.sleep(pause)
    return found
