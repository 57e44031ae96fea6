"""Starts the containers of deployed models again, each model's once for all waiting requests."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Restarts(Generic[T]):
    """Runs one start per key at a time, in a thread of its own: a start may take minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, tuple[Future[T], threading.Thread]] = {}

    def run(self, key: Hashable, start: Callable[[], T]) -> Future[T]:
        """The result or exception of `start`, or of the running start with this key."""
        with self._lock:
            if running := self._running.get(key):
                return running[0]
            future: Future[T] = Future()
            # A request that is cancelled must not cancel it for the others.
            future.set_running_or_notify_cancel()
            thread = threading.Thread(
                target=self._run, args=(key, start, future), name="vertex-restart", daemon=True
            )
            self._running[key] = future, thread
            thread.start()
        return future

    def join(self) -> None:
        """Wait for all running starts."""
        with self._lock:
            threads = [thread for _, thread in self._running.values()]
        for thread in threads:
            thread.join()

    def _run(self, key: Hashable, start: Callable[[], T], future: Future[T]) -> None:
        try:
            result = start()
        except BaseException as error:
            self._forget(key)
            future.set_exception(error)
        else:
            self._forget(key)
            future.set_result(result)

    def _forget(self, key: Hashable) -> None:
        # Before the result is set: a request that comes after a failure starts again.
        with self._lock:
            del self._running[key]
