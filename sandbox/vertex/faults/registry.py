"""What is armed, which calls were made and what they hit; for one server, in memory."""

import asyncio
import itertools
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from sandbox.vertex.faults.rules import Armed, Fault, hit
from sandbox.vertex.operations.lifecycle import Disturbance

_MOST_CALLS: Final = 100_000
_NOW: Final[ContextVar[tuple[Fault, ...]]] = ContextVar("faults of this call", default=())


@dataclass
class Call:
    """One call of a method; those that come from nobody's client are no calls."""

    number: int
    method: str
    resource: str
    """The name in the path; what is to be made is there with its id if the query names it."""
    faults: tuple[str, ...]
    """The ids of the faults that it hit."""
    status: int | None = None
    """The answer's HTTP status; 0 when there was none, None while there is none yet."""
    reached: bool = False
    """Whether the method was called; False for a fault before its effect."""


class FaultRegistry:
    """Faults and calls. Not for several threads: the server's loop alone writes here."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.calls: deque[Call] = deque(maxlen=_MOST_CALLS)
        self.released = asyncio.Event()
        """Set when the calls that hang now may go."""
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)

    def arm(self, fault: Fault) -> Armed:
        """Have that fault wait for its calls, counted from now on."""
        armed = Armed(str(next(self._ids)), fault)
        self.armed.append(armed)
        return armed

    def disarm(self) -> None:
        """Forget all faults, and let go of the calls that hang."""
        self.armed.clear()
        self.released.set()
        self.released = asyncio.Event()

    def record(self, method: str, resource: str) -> tuple[Call, tuple[Fault, ...]]:
        """Write down a call that begins; with the faults that it hits."""
        hits, self.armed = hit(self.armed, method, resource)
        call = Call(next(self._numbers), method, resource, tuple(one.id for one in hits))
        self.calls.append(call)
        return call, tuple(one.fault for one in hits)


@contextmanager
def during(faults: tuple[Fault, ...]) -> Iterator[None]:
    """What the server does meanwhile, for this call, is disturbed so."""
    token = _NOW.set(faults)
    try:
        yield
    finally:
        _NOW.reset(token)


def disturbance() -> Disturbance:
    """What is wanted of the operation that this call starts."""
    seconds = sum(fault.seconds for fault in _NOW.get() if fault.kind == "delay_operation")
    for fault in _NOW.get():
        if fault.kind == "fail_operation":
            return Disturbance(seconds, fault.error(), fault.after)
    return Disturbance(seconds)


def failing_tasks() -> Collection[str]:
    """The names of the tasks that must fail in the job that this call creates."""
    return [fault.task for fault in _NOW.get() if fault.kind == "fail_task"]
