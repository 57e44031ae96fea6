"""Long-running operations: started, due after some time, then finished or failed."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import proto
from google.longrunning import operations_pb2

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.errors import (
    ApiError,
    Cancelled,
    FailedPrecondition,
    Internal,
    NotFound,
    Unavailable,
)
from sandbox.vertex.http.resource_names import new_id, parent_of
from sandbox.vertex.operations import records
from sandbox.vertex.operations.transitions import stages
from sandbox.vertex.store import Store

_LOG: Final = logging.getLogger(__name__)

Finish = Callable[[], Any]
"""Makes the change and returns the response (None for Empty); raises ApiError to change nothing."""


@dataclass(frozen=True)
class Disturbance:
    """What a test wants of the next operation: that it takes longer, that it fails."""

    seconds: float = 0.0
    error: ApiError | None = None
    effect: bool = False
    """Whether a failed operation has made its change all the same."""


@dataclass
class _Running:
    target: str
    begun: datetime
    due: datetime
    prepared: "Future[Finish]"
    disturbance: Disturbance
    stage: Any
    """The last one stored, None for what has no stages."""

    def elapsed(self, now: datetime) -> float:
        """The share of its time that is over."""
        return 1.0 if now >= self.due else (now - self.begun) / (self.due - self.begun)

    @property
    def loaded(self) -> bool:
        """Whether what is slow about it has gone well."""
        return self.prepared.done() and self.prepared.exception() is None


class Operations:
    """All operations.

    An operation has no thread that waits for its time. Whoever asks anything calls `settle()`
    first, and what is due by the clock is finished then, in one transaction with the change that
    it makes: a reader sees an operation either not done and nothing changed, or done and all
    changed. Only the slow part, which changes nothing (loading a model), runs in a thread.
    """

    def __init__(
        self, store: Store, clock: Clock, disturb: Callable[[], Disturbance] = Disturbance
    ) -> None:
        """What an earlier server left running has failed. `disturb` is asked at every start."""
        self._store = store
        self._clock = clock
        self._disturb = disturb
        self._running: dict[str, _Running] = {}
        self._loaders = ThreadPoolExecutor(2, thread_name_prefix="vertex-prepare")
        self._fail_left_over()

    def start(
        self,
        target: str,
        metadata: proto.Message,
        seconds: float,
        prepare: Callable[[], Finish],
        *,
        slow: bool = False,
        alone: bool = False,
    ) -> Any:
        """A new operation under the resource `target`: an operations_pb2.Operation, not done.

        `prepare` runs at once, in a thread if `slow`, and returns what makes the change after
        `seconds`. If it must be `alone`, raises FailedPrecondition while another operation on
        `target` runs: Google's answer is not documented, and refusing never hides a race.
        """
        now = self._clock()
        name = f"{target}/operations/{new_id()}"
        disturbance = self._disturb()
        due = now + timedelta(seconds=seconds + disturbance.seconds)
        prepared: Future[Finish] = Future()
        try:
            with self._store.transaction():
                others = self.running(target)
                if alone and others:
                    raise FailedPrecondition(
                        f"There are other operations running on {target}: {', '.join(others)}; "
                        "wait until they are done."
                    )
                operation = records.begun(name, metadata, now)
                self._store.put(name, operation)
                stage = records.move_on(operation, 0.0, False, due)
                self._running[name] = _Running(target, now, due, prepared, disturbance, stage)
        except BaseException:
            self._running.pop(name, None)
            raise
        if slow:
            self._loaders.submit(_run, prepare, prepared)
        else:
            _run(prepare, prepared)
        return operation

    def running(self, target: str) -> list[str]:
        """The names of the operations on that resource that are not done."""
        with self._store.transaction():
            return [name for name, one in self._running.items() if one.target == target]

    def settle(self) -> None:
        """Bring every operation to where it is by the clock; finish those due and prepared."""
        if not self._running:
            return
        now = self._clock()
        # A copy is made in one step, so that this costs predictions no transaction.
        for name, running in self._running.copy().items():
            if now < running.begun:
                self._begin_anew(running, now)
            elif running.due <= now and running.prepared.done():
                self._finish(name)
            elif running.stage is not None:
                self._move_on(name, running.elapsed(now))

    def get(self, name: str) -> Any:
        """The operation of that name, also without the resource in it; raises NotFound."""
        operation = self._store.get(operations_pb2.Operation, name)
        if operation is None and name == f"{parent_of(name)}/{'/'.join(name.split('/')[-2:])}":
            for other in self._store.list(operations_pb2.Operation, parent_of(name) + "/"):
                if other.name.rpartition("/")[2] == name.rpartition("/")[2]:
                    return other
        if operation is None:
            raise NotFound(f"Operation {name} was not found; list those that there are.")
        return operation

    def list(self, parent: str) -> list[Any]:
        """The operations of a resource or location and of all below it, newest first."""
        return [
            operation
            for operation in self._store.list(operations_pb2.Operation, parent + "/")
            if "/operations/" in operation.name
        ]

    def cancel(self, name: str) -> None:
        """Stop the operation; nothing happens when it is done. Raises NotFound."""
        operation = self.get(name)
        self._fail(operation.name, Cancelled("The operation was stopped; nothing changed."))

    def forget(self, name: str) -> None:
        """Delete a finished operation; raises NotFound, FailedPrecondition while it runs."""
        operation = self.get(name)
        if not operation.done:
            raise FailedPrecondition(f"Operation {name} still runs; wait for it or cancel it.")
        self._store.delete(operations_pb2.Operation, operation.name)

    def close(self) -> None:
        """Stop the threads; what runs is failed at the next start."""
        self._loaders.shutdown(wait=True, cancel_futures=True)

    def _move_on(self, name: str, elapsed: float) -> None:
        running = self._running.get(name)
        if running is None or not stages(running.stage, elapsed, running.loaded):
            return  # As most times: nothing is locked, nothing read.
        with self._store.transaction():
            if self._running.get(name) is running:
                operation = self._stored(name)
                running.stage = records.move_on(operation, elapsed, running.loaded, running.due)
                self._store.put(name, operation)

    def _begin_anew(self, running: _Running, now: datetime) -> None:
        """The clock was set back: what runs takes its whole time from now on."""
        with self._store.transaction():
            if now < running.begun:  # else another thread was faster
                running.begun, running.due = now, now + (running.due - running.begun)

    def _finish(self, name: str) -> None:
        try:
            with self._taken(name) as running:
                if running is None:
                    return  # Another thread was faster.
                failure, response = running.disturbance.error, None
                if failure is not None and not running.disturbance.effect:
                    raise failure
                response = running.prepared.result()()
                operation = self._stored(name)
                records.move_on(operation, 1.0, True, running.due)
                self._end(operation, response, failure)
        except ApiError as error:
            self._fail(name, error)
        except Exception as error:
            _LOG.exception("operation %s broke", name)
            self._fail(name, Internal(f"The sandbox broke: {error!r}"))

    def _fail(self, name: str, error: ApiError) -> None:
        with self._taken(name) as running:
            if running is not None:
                self._end(self._stored(name), None, error)

    @contextmanager
    def _taken(self, name: str) -> Iterator[_Running | None]:
        """A transaction that ends the operation, which runs on if anything goes wrong in it."""
        running = None
        try:
            with self._store.transaction():
                running = self._running.pop(name, None)
                yield running
        except BaseException:
            if running is not None:
                self._running[name] = running
            raise

    def _end(self, operation: Any, response: Any, error: ApiError | None) -> None:
        records.end(operation, self._clock(), response, error)
        self._store.put(operation.name, operation)

    def _stored(self, name: str) -> Any:
        operation = self._store.get(operations_pb2.Operation, name)
        assert operation is not None, f"{name} runs and is not in the store"
        return operation

    def _fail_left_over(self) -> None:
        # What an operation would have changed was in the memory of the server that stopped.
        error = Unavailable("The sandbox stopped while this ran; nothing changed, send it again.")
        with self._store.transaction():
            for operation in self._store.list(operations_pb2.Operation, ""):
                if not operation.done:
                    self._end(operation, None, error)


def _run(prepare: Callable[[], Finish], prepared: "Future[Finish]") -> None:
    try:
        prepared.set_result(prepare())
    except BaseException as error:
        prepared.set_exception(error)
