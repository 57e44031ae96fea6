"""Long-running operations: started, due after some time, then finished or failed."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import proto
from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import status_pb2

from sandbox.vertex.clock import Clock
from sandbox.vertex.errors import (
    ApiError,
    Cancelled,
    FailedPrecondition,
    Internal,
    NotFound,
    Unavailable,
)
from sandbox.vertex.names import new_id, parent_of
from sandbox.vertex.store import Store

_LOG: Final = logging.getLogger(__name__)

Finish = Callable[[], Any]
"""Makes the change and returns the response (None for Empty); raises ApiError to change nothing."""


@dataclass
class _Running:
    target: str
    due: datetime
    metadata: proto.Message
    prepared: "Future[Finish]"


class Operations:
    """All operations.

    An operation has no thread that waits for its time. Whoever asks anything calls `settle()`
    first, and what is due by the clock is finished then, in one transaction with the change that
    it makes: a reader sees an operation either not done and nothing changed, or done and all
    changed. Only the slow part, which changes nothing (loading a model), runs in a thread.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._loaders = ThreadPoolExecutor(2, thread_name_prefix="vertex-prepare")
        self._changed = threading.Condition()
        self._closed = False
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
        with self._store.transaction():
            others = self.running(target)
            if alone and others:
                raise FailedPrecondition(
                    f"There are other operations running on {target}: {', '.join(others)}; "
                    "wait until they are done."
                )
            name = f"{target}/operations/{new_id()}"
            prepared: Future[Finish] = Future()
            running = _Running(target, now + timedelta(seconds=seconds), metadata, prepared)
            metadata.generic_metadata = types.GenericOperationMetadata(
                create_time=now, update_time=now
            )
            operation = operations_pb2.Operation(name=name)
            operation.metadata.Pack(type(metadata).pb(metadata))
            self._store.put(name, operation)
            self._running[name] = running
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
        """Finish every operation that is due by the clock and prepared."""
        if not self._running:
            return
        now = self._clock()
        with self._store.transaction():
            ready = [
                name
                for name, running in self._running.items()
                if running.due <= now and running.prepared.done()
            ]
        for name in ready:
            self._finish(name)

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
        self._wake()

    def forget(self, name: str) -> None:
        """Delete a finished operation; raises NotFound, FailedPrecondition while it runs."""
        operation = self.get(name)
        if not operation.done:
            raise FailedPrecondition(f"Operation {name} still runs; wait for it or cancel it.")
        self._store.delete(operations_pb2.Operation, operation.name)

    def wait(self, name: str, seconds: float) -> Any:
        """The operation, once it is done or about that time is over; raises NotFound."""
        tick = 0.02
        for _ in range(max(1, int(seconds / tick))):
            self.settle()
            operation = self.get(name)
            if operation.done or self._closed:
                break
            with self._changed:
                self._changed.wait(tick)
        return operation

    def close(self) -> None:
        """Stop the threads; what runs is failed at the next start."""
        self._closed = True
        self._wake()
        self._loaders.shutdown(wait=True, cancel_futures=True)

    def _finish(self, name: str) -> None:
        try:
            with self._store.transaction():
                running = self._running.get(name)
                if running is None:
                    return  # Another thread was faster.
                response = running.prepared.result()()
                self._end(name, running.metadata, response=response)
                del self._running[name]
        except ApiError as error:
            self._fail(name, error)
        except Exception as error:
            _LOG.exception("operation %s broke", name)
            self._fail(name, Internal(f"The sandbox broke: {error!r}"))
        self._wake()

    def _fail(self, name: str, error: ApiError) -> None:
        with self._store.transaction():
            running = self._running.pop(name, None)
            if running is not None:
                self._end(name, running.metadata, error=error)

    def _end(
        self,
        name: str,
        metadata: proto.Message,
        response: Any = None,
        error: ApiError | None = None,
    ) -> None:
        now: Any = self._clock()
        metadata.generic_metadata.update_time = now
        if isinstance(metadata, types.DeployModelOperationMetadata):
            stage: Any = types.DeploymentStage
            metadata.deployment_stage = (
                stage.SUCCESSFULLY_DEPLOYED if error is None else stage.FAILED_TO_DEPLOY
            )
        operation = operations_pb2.Operation(name=name, done=True)
        operation.metadata.Pack(type(metadata).pb(metadata))
        if error is not None:
            operation.error.CopyFrom(status_pb2.Status(code=error.code, message=error.message))
        elif response is None:
            operation.response.Pack(empty_pb2.Empty())
        else:
            operation.response.Pack(type(response).pb(response))
        self._store.put(name, operation)

    def _fail_left_over(self) -> None:
        # What an operation would have changed was in the memory of the server that stopped.
        error = Unavailable("The sandbox stopped while this ran; nothing changed, send it again.")
        for operation in self._store.list(operations_pb2.Operation, ""):
            if not operation.done:
                operation.done = True
                operation.error.CopyFrom(status_pb2.Status(code=error.code, message=error.message))
                self._store.put(operation.name, operation)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _run(prepare: Callable[[], Finish], prepared: "Future[Finish]") -> None:
    try:
        prepared.set_result(prepare())
    except BaseException as error:
        prepared.set_exception(error)
