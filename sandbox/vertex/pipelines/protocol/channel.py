"""The connection of a runner to its server: events and questions out, answers in."""

import itertools
import json
import queue
import threading
from collections.abc import Callable
from typing import IO, Any

from sandbox.vertex.pipelines.protocol.events import Event, Question, RunEvent, to_line


class Channel:
    """A thread-safe connection over two streams of lines."""

    def __init__(self, out: IO[str], source: IO[str], at_end: Callable[[], None]) -> None:
        """`at_end` is called in a thread if the server closes the connection before `close`."""
        self._out = out
        self._source = source
        self._at_end = at_end
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._pending: dict[int, queue.SimpleQueue[Any]] = {}
        self._closing = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, event: Event) -> None:
        """Send an event."""
        with self._lock:
            self._out.write(to_line(event) + "\n")

    def ask(self, kind: str, about: dict[str, Any]) -> Any:
        """Ask the server a question, and return its answer, a JSON value."""
        number = next(self._numbers)
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending[number] = answer
        self.send(Question(number, kind, about))
        found = answer.get()
        del self._pending[number]
        return found

    def close(self, last: RunEvent) -> None:
        """Send the last event, and wait until the server closes the connection.

        Python must not exit while a thread reads: it may need the lock of the reader, which is a
        fatal error.
        """
        self._closing = True
        self.send(last)
        self._listener.join()

    def _listen(self) -> None:
        try:
            for line in self._source:
                content = json.loads(line)
                self._pending[content["number"]].put(content["answer"])
        finally:  # also after an incomplete line
            if not self._closing:
                self._at_end()
