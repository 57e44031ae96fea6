"""Long-running operations: they start, are due after some time, and then finish or fail."""

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
"""Makes the change and returns the response (None for Empty), or raises ApiError."""


@dataclass(frozen=True)
class Disturbance:
    """A fault of an operation: it takes `seconds` longer, or fails with `error`."""

    seconds: float = 0.0
    error: ApiError | None = None
    effect: bool = False
    """Whether the failed operation makes its change nevertheless."""


@dataclass
class _Running:
    target: str
    started: datetime
    due: datetime
    prepared: "Future[Finish]"
    disturbance: Disturbance
    abandon: Callable[[], None]
    stage: Any
    """The last stored stage, None for an operation without stages."""

    def elapsed(self, now: datetime) -> float:
        """The fraction of its duration that is over."""
        return 1.0 if now >= self.due else (now - self.started) / (self.due - self.started)

    @property
    def loaded(self) -> bool:
        """Whether its slow part has succeeded."""
        return self.prepared.done() and self.prepared.exception() is None


class Operations:
    """All operations of a server.

    No thread waits for the time of an operation. Each request calls `settle()` first, which
    finishes the operations that are due, each in one transaction with its change: a reader sees
    either an operation that is not done and no change, or a done one and the whole change. Only
    the slow part, which changes nothing (starting a model's containers), runs in a thread.
    """

    def __init__(
        self, store: Store, clock: Clock, disturb: Callable[[], Disturbance] = Disturbance
    ) -> None:
        """Fails the operations that a previous server left. `disturb` is called at every start."""
        self._store = store
        self._clock = clock
        self._disturb = disturb
        self._running: dict[str, _Running] = {}
        self._loaders = ThreadPoolExecutor(16, thread_name_prefix="vertex-prepare")
        self._fail_leftovers()

    def start(
        self,
        target: str,
        metadata: proto.Message,
        seconds: float,
        prepare: Callable[[], Finish],
        *,
        slow: bool = False,
        alone: bool = False,
        abandon: Callable[[], None] = lambda: None,
    ) -> Any:
        """Start an operation on the resource `target`, and return its operations_pb2.Operation.

        `prepare` is called at once, in a thread if `slow`, and returns the function that makes the
        change after `seconds`. `abandon` is called after `prepare` if the operation fails. With
        `alone`, raises FailedPrecondition while another operation on `target` runs: Google's
        behaviour is not documented, and refusing never hides a race.
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
                operation = records.new_operation(name, metadata, now)
                self._store.put(name, operation)
                stage = records.advance_stage(operation, 0.0, False, due)
                self._running[name] = _Running(
                    target, now, due, prepared, disturbance, abandon, stage
                )
        except BaseException:
            self._running.pop(name, None)
            raise
        if slow:
            self._loaders.submit(_run, prepare, prepared)
        else:
            _run(prepare, prepared)
        return operation

    def running(self, target: str) -> list[str]:
        """The names of the running operations on a resource."""
        with self._store.transaction():
            return [name for name, running in self._running.items() if running.target == target]

    def settle(self) -> None:
        """Advance all operations to the current time; finish those that are due and prepared."""
        if not self._running:
            return
        now = self._clock()
        # copy() is atomic, so that predictions need no transaction here.
        for name, running in self._running.copy().items():
            if now < running.started:
                self._restart(running, now)
            elif running.due <= now and running.prepared.done():
                self._finish(name)
            elif running.stage is not None:
                self._advance(name, running.elapsed(now))

    def get(self, name: str) -> Any:
        """The operation of a name, which may lack the resource; raises NotFound."""
        operation = self._store.get(operations_pb2.Operation, name)
        if operation is None and name == f"{parent_of(name)}/{'/'.join(name.split('/')[-2:])}":
            for other in self._store.list(operations_pb2.Operation, parent_of(name) + "/"):
                if other.name.rpartition("/")[2] == name.rpartition("/")[2]:
                    return other
        if operation is None:
            raise NotFound(f"Operation {name} was not found; list the operations.")
        return operation

    def list(self, parent: str) -> list[Any]:
        """The operations of a resource or location and all resources below it, newest first."""
        return [
            operation
            for operation in self._store.list(operations_pb2.Operation, parent + "/")
            if "/operations/" in operation.name
        ]

    def cancel(self, name: str) -> None:
        """Cancel the operation, unless it is done. Raises NotFound."""
        operation = self.get(name)
        self._fail(operation.name, Cancelled("The operation was cancelled; nothing changed."))

    def delete(self, name: str) -> None:
        """Delete a finished operation; raises NotFound, FailedPrecondition while it runs."""
        operation = self.get(name)
        if not operation.done:
            raise FailedPrecondition(f"Operation {name} still runs; wait for it or cancel it.")
        self._store.delete(operations_pb2.Operation, operation.name)

    def close(self) -> None:
        """Stop the threads; running operations fail at the next start of the server."""
        self._loaders.shutdown(wait=True, cancel_futures=True)

    def _advance(self, name: str, elapsed: float) -> None:
        running = self._running.get(name)
        if running is None or not stages(running.stage, elapsed, running.loaded):
            return  # the usual case, without a lock or a read
        with self._store.transaction():
            if self._running.get(name) is running:
                operation = self._stored(name)
                running.stage = records.advance_stage(
                    operation, elapsed, running.loaded, running.due
                )
                self._store.put(name, operation)

    def _restart(self, running: _Running, now: datetime) -> None:
        """The clock was set back: the operation takes its whole duration from now on."""
        with self._store.transaction():
            if now < running.started:  # otherwise another thread did it
                running.started, running.due = now, now + (running.due - running.started)

    def _finish(self, name: str) -> None:
        try:
            with self._ending(name) as running:
                if running is None:
                    return  # another thread did it
                failure, response = running.disturbance.error, None
                if failure is not None and not running.disturbance.effect:
                    raise failure
                response = running.prepared.result()()
                operation = self._stored(name)
                records.advance_stage(operation, 1.0, True, running.due)
                self._end(operation, response, failure)
        except ApiError as error:
            self._fail(name, error)
        except Exception as error:
            _LOG.exception("operation %s failed", name)
            self._fail(name, Internal(f"The sandbox failed: {error!r}"))

    def _fail(self, name: str, error: ApiError) -> None:
        with self._ending(name) as running:
            if running is not None:
                self._end(self._stored(name), None, error)
        if running is not None:
            running.prepared.add_done_callback(lambda _: running.abandon())

    @contextmanager
    def _ending(self, name: str) -> Iterator[_Running | None]:
        """A transaction that ends the operation; if it fails, the operation keeps running."""
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
        assert operation is not None, f"{name} runs but is not in the store"
        return operation

    def _fail_leftovers(self) -> None:
        # Their pending changes were in the memory of the previous server.
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
