"""Slots for components: how many run at the same time on this server, over all jobs."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 2
"""The number of components that run at the same time: one per core of the smallest machine."""


class Slots:
    """A free slot goes to the job with the fewest slots, then to the first request. Thread-safe.

    The server owns the slots, not the runners: a runner that is killed releases nothing.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, Callable[[], None]]] = []

    def acquire(self, job: str, begin: Callable[[], None]) -> None:
        """Call `begin` when the job gets a slot: now, or later in the thread that frees one."""
        with self._lock:
            self._waiting.append((job, begin))
        self._grant()

    def release(self, job: str) -> None:
        """Free a slot of the job: a component has ended."""
        with self._lock:
            # Nothing to free after `forget`.
            if self._held[job]:
                self._held[job] -= 1
                self._free += 1
        self._grant()

    def forget(self, job: str) -> None:
        """Free all slots of a finished job, and drop its requests."""
        with self._lock:
            self._free += self._held.pop(job, 0)
            self._waiting = [request for request in self._waiting if request[0] != job]
        self._grant()

    def _grant(self) -> None:
        while True:
            with self._lock:
                if not self._free or not self._waiting:
                    return
                index = min(
                    range(len(self._waiting)), key=lambda n: self._held[self._waiting[n][0]]
                )
                job, begin = self._waiting.pop(index)
                self._held[job] += 1
                self._free -= 1
            begin()  # without the lock: it writes to another process
