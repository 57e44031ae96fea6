"""The armed faults and the calls of one server, in memory."""

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
_CURRENT: Final[ContextVar[tuple[Fault, ...]]] = ContextVar("faults of this call", default=())


@dataclass
class Call:
    """One call of an API method."""

    number: int
    method: str
    resource: str
    """The name in the path; for a new resource with its id, if the query has it."""
    faults: tuple[str, ...]
    """The ids of the faults that hit it."""
    status: int | None = None
    """The HTTP status of the response; 0 if the connection was closed, None before."""
    reached: bool = False
    """Whether the method was executed; False for a fault before its effect."""


class FaultRegistry:
    """Faults and calls. Not thread-safe: only the event loop of the server changes it."""

    def __init__(self) -> None:
        self.armed: list[Armed] = []
        self.calls: deque[Call] = deque(maxlen=_MOST_CALLS)
        self.released = asyncio.Event()
        """Set when the calls that hang now may end."""
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)

    def arm(self, fault: Fault) -> Armed:
        """Arm a fault; it counts the calls from now on."""
        armed = Armed(str(next(self._ids)), fault)
        self.armed.append(armed)
        return armed

    def disarm(self) -> None:
        """Remove all faults, and release the calls that hang."""
        self.armed.clear()
        self.released.set()
        self.released = asyncio.Event()

    def record(self, method: str, resource: str) -> tuple[Call, tuple[Fault, ...]]:
        """Record a call that begins, and return it with the faults that hit it."""
        hits, self.armed = hit(self.armed, method, resource)
        call = Call(next(self._numbers), method, resource, tuple(armed.id for armed in hits))
        self.calls.append(call)
        return call, tuple(armed.fault for armed in hits)


@contextmanager
def faults_of_call(faults: tuple[Fault, ...]) -> Iterator[None]:
    """Apply these faults to the operation or job that the current call starts."""
    token = _CURRENT.set(faults)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def disturbance() -> Disturbance:
    """The disturbance of the operation that the current call starts."""
    seconds = sum(fault.seconds for fault in _CURRENT.get() if fault.kind == "delay_operation")
    for fault in _CURRENT.get():
        if fault.kind == "fail_operation":
            return Disturbance(seconds, fault.error(), fault.after)
    return Disturbance(seconds)


def failing_tasks() -> Collection[str]:
    """The names of the tasks that must fail in the job that the current call creates."""
    return [fault.task for fault in _CURRENT.get() if fault.kind == "fail_task"]
