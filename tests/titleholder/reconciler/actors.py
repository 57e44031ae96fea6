"""Actors that run the real engine, each in a thread, and stop before every call to Google.

One thread runs at a time: the actor that was let go, until it stops again. So whoever lets them go
chooses the interleaving, and the same choices give the same run.
"""

import threading
from collections.abc import Callable
from typing import Any, Literal

from titleholder.errors import InvalidRequest, ManualActionRequired

Order = Literal["go", "die", "die after", "lose", "lose after"]
# Real time, for a machine that is busy; nothing waits for it to pass.
LIMIT = 60.0
_SELF = threading.local()


class Dropped(Exception):
    """The connection of a call broke."""


class Died(BaseException):
    """The process ends here: no `except Exception` sees it."""


class Actor:
    """Runs `work` in a thread; `at` is what it is about to do, "" when it has come to its end."""

    def __init__(self, name: str, work: Callable[["Actor"], Any]) -> None:
        self.name = name
        self.at = "begin"
        self.etag = ""  # of the endpoint, as it saw it last
        self.result: Any = None
        self.refusal: InvalidRequest | ManualActionRequired | None = None
        self.died = False
        self.writing: Callable[[Actor, Any], None] | None = None
        self._broken: BaseException | None = None
        self._order: Order = "go"
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._work = work
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()
        self._wait()

    @property
    def alive(self) -> bool:
        """Whether it has something left to do."""
        return bool(self.at)

    def step(self, order: Order = "go") -> None:
        """Let it do what it is about to do; come back when it is about to do the next."""
        self._order = order
        self._go.release()
        self._wait()
        if self._broken is not None:
            raise AssertionError(f"{self.name} broke") from self._broken

    def end(self) -> None:
        """It dies where it is, if it has not ended."""
        if self.alive and self._broken is None:
            self.step("die")
        self._thread.join(LIMIT)
        assert not self._thread.is_alive(), f"{self.name} hangs at {self.at}"

    def stop(self, at: str) -> Order:
        """In its own thread: wait until it is let go on."""
        self.at = at
        self._back.release()
        if not self._go.acquire(timeout=LIMIT * 10) or self._order == "die":
            raise Died(at)
        return self._order

    def call(self, method: str, request: Any, answer: Callable[[], Any]) -> Any:
        """In its own thread: one call, when it is let go on."""
        # Reads are asked again by Google's client, after some time: nothing to learn from.
        writes = not method.startswith(("get_", "list_"))
        order = self.stop(method)
        if order == "lose" and writes:
            raise Dropped("a test dropped the request")
        if writes and self.writing is not None:
            _SELF.actor = None  # What the test asks meanwhile is not this actor's call.
            self.writing(self, request)
            _SELF.actor = self
        said = answer()
        if order == "die after":
            raise Died(self.at)
        if order == "lose after" and writes:
            raise Dropped("a test dropped the answer")
        if method == "get_endpoint":
            self.etag = said.etag
        return said

    def _wait(self) -> None:
        assert self._back.acquire(timeout=LIMIT), f"{self.name} hangs after {self.at}"

    def _live(self) -> None:
        _SELF.actor = self
        try:
            self.stop("begin")
            self.result = self._work(self)
        except Died:
            self.died = True
        except (InvalidRequest, ManualActionRequired) as refusal:
            self.refusal = refusal
        except BaseException as error:
            self._broken = error
        finally:
            self.at = ""
            self._back.release()


def calling(method: str, request: Any, answer: Callable[[], Any]) -> Any:
    """What is answered to a call of Google's: it stops actors, and nobody else."""
    actor: Actor | None = getattr(_SELF, "actor", None)
    return answer() if actor is None else actor.call(method, request, answer)
