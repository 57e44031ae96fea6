"""Actors that run the real engine, each in a thread, and stop before every call to Google.

One thread runs at a time: the actor that was stepped, until it stops again. The order of steps
determines the interleaving, and the same steps give the same run.
"""

import threading
from collections.abc import Callable
from typing import Any, Literal

from titleholder.errors import InvalidRequest, ManualActionRequired

Order = Literal["go", "die", "die after", "lose", "lose after"]
# Real time, enough for a busy machine; reached only when an actor hangs.
TIMEOUT_SECONDS = 60.0
_SELF = threading.local()


class Dropped(Exception):
    """The connection of a call broke."""


class Died(BaseException):
    """The process ends here: no `except Exception` sees it."""


class Actor:
    """Runs `work` in a thread; `at` is its next action, "" once it has ended."""

    def __init__(self, name: str, work: Callable[["Actor"], Any]) -> None:
        self.name = name
        self.at = "begin"
        self.etag = ""  # of the endpoint, as last read by this actor
        self.result: Any = None
        self.refusal: InvalidRequest | ManualActionRequired | None = None
        self.was_killed = False
        self.before_write: Callable[[Actor, Any], None] | None = None
        self._error: BaseException | None = None
        self._order: Order = "go"
        self._released, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._wait()

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return bool(self.at)

    def step(self, order: Order = "go") -> None:
        """Let the actor do its next action; returns when it stops before the one after that."""
        self._order = order
        self._released.release()
        self._wait()
        if self._error is not None:
            raise AssertionError(f"{self.name} broke") from self._error

    def end(self) -> None:
        """Kill the actor where it is, if it has not ended."""
        if self.alive and self._error is None:
            self.step("die")
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive(), f"{self.name} hangs at {self.at}"

    def stop(self, at: str) -> Order:
        """In the actor's thread: wait for the next step."""
        self.at = at
        self._stopped.release()
        if not self._released.acquire(timeout=TIMEOUT_SECONDS * 10) or self._order == "die":
            raise Died(at)
        return self._order

    def call(self, method: str, request: Any, answer: Callable[[], Any]) -> Any:
        """In the actor's thread: make one call, at the next step."""
        # Google's client retries a lost read after some time: this adds no case.
        writes = not method.startswith(("get_", "list_"))
        order = self.stop(method)
        if order == "lose" and writes:
            raise Dropped("a test dropped the request")
        if writes and self.before_write is not None:
            _SELF.actor = None  # Calls of the test meanwhile are not this actor's.
            self.before_write(self, request)
            _SELF.actor = self
        response = answer()
        if order == "die after":
            raise Died(self.at)
        if order == "lose after" and writes:
            raise Dropped("a test dropped the answer")
        if method == "get_endpoint":
            self.etag = response.etag
        return response

    def _wait(self) -> None:
        assert self._stopped.acquire(timeout=TIMEOUT_SECONDS), f"{self.name} hangs after {self.at}"

    def _run(self) -> None:
        _SELF.actor = self
        try:
            self.stop("begin")
            self.result = self._work(self)
        except Died:
            self.was_killed = True
        except (InvalidRequest, ManualActionRequired) as refusal:
            self.refusal = refusal
        except BaseException as error:
            self._error = error
        finally:
            self.at = ""
            self._stopped.release()


def intercept(method: str, request: Any, answer: Callable[[], Any]) -> Any:
    """The answer to a call by Google's clients; a call by an actor stops it first."""
    actor: Actor | None = getattr(_SELF, "actor", None)
    return answer() if actor is None else actor.call(method, request, answer)
