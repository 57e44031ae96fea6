"""Whose turn it is to run a component: so many at a time on this server, whatever the job."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 2
"""Components that run at the same time, as many as the smallest machine has cores."""


class Slots:
    """Handed out to the job that has the fewest, then in the order of asking. Safe for threads.

    Kept by the server, not by the runners: one that is killed gives nothing back.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, Callable[[], None]]] = []

    def acquire(self, job: str, begin: Callable[[], None]) -> None:
        """Have `begin` called when it is the job's turn: now, or from whoever makes room."""
        with self._lock:
            self._waiting.append((job, begin))
        self._grant()

    def release(self, job: str) -> None:
        """One component of the job is over."""
        with self._lock:
            # A job that has none had them all taken back before.
            if self._held[job]:
                self._held[job] -= 1
                self._free += 1
        self._grant()

    def forget(self, job: str) -> None:
        """The job is over: what it holds is free, what it waits for is not wanted."""
        with self._lock:
            self._free += self._held.pop(job, 0)
            self._waiting = [one for one in self._waiting if one[0] != job]
        self._grant()

    def _grant(self) -> None:
        while True:
            with self._lock:
                if not self._free or not self._waiting:
                    return
                place = min(
                    range(len(self._waiting)), key=lambda n: self._held[self._waiting[n][0]]
                )
                job, begin = self._waiting.pop(place)
                self._held[job] += 1
                self._free -= 1
            begin()  # not under the lock: it writes to another process
