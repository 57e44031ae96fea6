"""A runner's line to its server: events and questions go out, answers come in."""

import itertools
import json
import queue
import threading
from collections.abc import Callable
from typing import IO, Any

from sandbox.vertex.pipelines.protocol.events import Event, Question, RunEvent, to_line


class Channel:
    """Safe to use from several threads."""

    def __init__(self, out: IO[str], source: IO[str], at_end: Callable[[], None]) -> None:
        """`at_end` is called, in a thread, when the server is gone before `close`."""
        self._out = out
        self._source = source
        self._at_end = at_end
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._asked: dict[int, queue.SimpleQueue[Any]] = {}
        self._closing = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, event: Event) -> None:
        """Send it."""
        with self._lock:
            self._out.write(to_line(event) + "\n")

    def ask(self, kind: str, about: dict[str, Any]) -> Any:
        """What the server answers: JSON, null for nothing."""
        number = next(self._numbers)
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._asked[number] = answer
        self.send(Question(number, kind, about))
        found = answer.get()
        del self._asked[number]
        return found

    def close(self, last: RunEvent) -> None:
        """Send the last event and wait until the server hangs up, which it does then.

        Python must not end while a thread reads: the end may want the lock that the reader holds,
        and says so in a fatal error.
        """
        self._closing = True
        self.send(last)
        self._listener.join()

    def _listen(self) -> None:
        try:
            for line in self._source:
                content = json.loads(line)
                self._asked[content["number"]].put(content["answer"])
        finally:  # also after a line cut short
            if not self._closing:
                self._at_end()
