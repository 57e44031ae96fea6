"""Actors that run the real engine, each in a thread, and stop before every call to Google.

One thread runs at a time: the actor that was let go, until it stops again. So whoever lets them go
chooses the interleaving, and the same choices give the same run.
"""

import threading
from collections.abc import Callable
from typing import Any, Literal

import requests

from titleholder.errors import Refusal

Order = Literal["go", "die", "die after", "lose", "lose after"]
# Real time, for a machine that is busy; nothing waits for it to pass.
LIMIT = 60.0
_SELF = threading.local()
Answer = Callable[[requests.PreparedRequest], requests.Response]


class Died(BaseException):
    """The process ends here: no `except Exception` sees it."""


class Actor:
    """Runs `work` in a thread; `at` is what it is about to do, "" when it has come to its end."""

    def __init__(self, name: str, work: Callable[["Actor"], Any]) -> None:
        self.name = name
        self.at = "begin"
        self.etag = ""  # of the endpoint, as it saw it last
        self.result: Any = None
        self.refusal: Refusal | None = None
        self.died = False
        self.writing: Callable[[Actor, requests.PreparedRequest], None] | None = None
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

    def send(self, request: requests.PreparedRequest, answer: Answer) -> requests.Response:
        """In its own thread: one request, when it is let go on."""
        # GETs are asked again by Google's client, after some time: nothing to learn from.
        writes = request.method != "GET"
        order = self.stop(f"{request.method} {request.path_url.partition('?')[0]}")
        if order == "lose" and writes:
            raise requests.ConnectionError("a test dropped the request")
        if writes and self.writing is not None:
            _SELF.actor = None  # What the test asks meanwhile is not this actor's call.
            self.writing(self, request)
            _SELF.actor = self
        response = answer(request)
        if order == "die after":
            raise Died(self.at)
        if order == "lose after" and writes:
            raise requests.ConnectionError("a test dropped the answer")
        if "/endpoints/" in self.at and "/operations" not in self.at and not writes:
            self.etag = response.json().get("etag", "")
        return response

    def _wait(self) -> None:
        assert self._back.acquire(timeout=LIMIT), f"{self.name} hangs after {self.at}"

    def _live(self) -> None:
        _SELF.actor = self
        try:
            self.stop("begin")
            self.result = self._work(self)
        except Died:
            self.died = True
        except Refusal as refusal:
            self.refusal = refusal
        except BaseException as error:
            self._broken = error
        finally:
            self.at = ""
            self._back.release()


def gate(answer: Answer) -> Callable[..., requests.Response]:
    """In place of a session's `send`: stops actors, and nobody else."""

    def send(request: requests.PreparedRequest, **_: Any) -> requests.Response:
        actor: Actor | None = getattr(_SELF, "actor", None)
        return answer(request) if actor is None else actor.send(request, answer)

    return send
