"""Runs one job: starts the model's containers, sends them the instances, writes the results."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.containers.deployment import Deployment
from sandbox.vertex.batch.instances import Conversion
from sandbox.vertex.batch.opening import Services, conversion_of, open_output, open_source
from sandbox.vertex.batch.outputs import Output
from sandbox.vertex.batch.requests import DEFAULT_BATCH
from sandbox.vertex.batch.sender import Sender
from sandbox.vertex.http.errors import ApiError, Cancelled, FailedPrecondition, InvalidArgument

_MOST_FAILURES: Final = 20
"""The docs of BatchPredictionJob.partial_failures."""


@dataclass(frozen=True)
class Served:
    """What a job serves: a ModelContainerSpec, where its artifact is, and the name of the model."""

    spec: Any
    storage_uri: str
    display_name: str


@dataclass
class Outcome:
    """What a job has done so far."""

    output_info: Any = None
    successful: int = 0
    failed: int = 0
    failures: list[ApiError] = field(default_factory=list)
    replica_seconds: float = 0.0


@dataclass(frozen=True)
class _Row:
    instance: Any
    shown: Mapping[str, Any]


class Run:
    """One run of a BatchPredictionJob, in the thread that calls `execute`."""

    def __init__(self, services: Services, job: Any, served: Served) -> None:
        self._services = services
        self._job = job
        self._served = served
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._deployment: Deployment | None = None
        self.outcome = Outcome()

    def cancel(self) -> None:
        """Make `execute` raise Cancelled soon. Thread-safe; returns at once, but for the end of the
        containers."""
        self._cancelled.set()
        with self._lock:
            deployment = self._deployment
        if deployment is not None:
            deployment.kill()

    def execute(self, on_running: Callable[[], None]) -> None:
        """Run the job, and call `on_running` when its containers are healthy.

        `outcome` has the result. Raises an ApiError for a job that fails as a whole, Cancelled
        after `cancel`. Nothing of the containers remains.
        """
        self._services.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._services.folder))
        try:
            source = open_source(self._services, self._job, folder)
            conversion = conversion_of(self._job, source)
            name = self._served.display_name
            output = open_output(self._services, self._job, name, conversion, source, folder)
            with closing(output):
                self._serve(self._rows(source.rows(), conversion, output), output, on_running)
                self._check()
                self._finish(output, source.problems)
        except ApiError:
            self._check()  # its containers were stopped: that is no failure
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _serve(self, rows: Iterator[_Row], output: Output, on_running: Callable[[], None]) -> None:
        """Predict the rows with the containers, which are then stopped."""
        name, began = self._job.name, time.monotonic()
        replicas = self._job.dedicated_resources.starting_replica_count
        deployment = self._start()
        try:
            self._services.host.wait_until_healthy(deployment, name, _deployed_id(name))
            self._check()
            on_running()
            asyncio.run(self._predict(deployment, rows, output, replicas))
        finally:
            deployment.kill()
            self.outcome.replica_seconds = (time.monotonic() - began) * replicas

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("The job was cancelled.")

    def _start(self) -> Deployment:
        job = self._job
        deployed = types.DeployedModel(
            id=_deployed_id(job.name),
            dedicated_resources={"machine_spec": job.dedicated_resources.machine_spec},
        )
        deployment = self._services.host.start(
            job.name,
            deployed,
            self._served.spec,
            self._served.storage_uri,
            job.dedicated_resources.starting_replica_count,
        )
        with self._lock:
            self._deployment = deployment
        if self._cancelled.is_set():  # cancel() may not have seen it
            deployment.kill()
        return deployment

    def _rows(
        self, inputs: Iterable[Any], conversion: Conversion, output: Output
    ) -> Iterator[_Row]:
        """The rows that can be sent; the others are written to the output."""
        for one in inputs:
            self._check()
            reason, instance = one.error, one.value
            if not reason:
                try:
                    instance = conversion.instance(one.value)
                except ValueError as error:
                    reason = str(error)
            shown = conversion.shown(one, instance)
            if reason:
                self._fail(output, shown, InvalidArgument(f"The input cannot be used: {reason}."))
            else:
                yield _Row(instance, shown)

    async def _predict(
        self, deployment: Deployment, rows: Iterator[_Row], output: Output, at_once: int
    ) -> None:
        """Send the rows, one request for each replica at a time; write the results in order."""
        sender = Sender(deployment, self._job, self._check)
        sent: deque[tuple[list[_Row], asyncio.Task[list[Any] | ApiError]]] = deque()
        size = self._job.manual_batch_tuning_parameters.batch_size or DEFAULT_BATCH
        try:
            for batch in _batches(rows, size):
                instances = [row.instance for row in batch]
                sent.append((batch, asyncio.create_task(sender.predict(instances))))
                if len(sent) >= at_once:
                    await self._write(*sent.popleft(), output)
            while sent:
                await self._write(*sent.popleft(), output)
        finally:
            for _, task in sent:
                task.cancel()
            await asyncio.gather(*(task for _, task in sent), return_exceptions=True)
            await sender.close()

    async def _write(
        self, batch: list[_Row], answer: "asyncio.Task[list[Any] | ApiError]", output: Output
    ) -> None:
        found = await answer
        if isinstance(found, ApiError):
            for row in batch:
                self._fail(output, row.shown, found)
            return
        for row, prediction in zip(batch, found, strict=True):
            output.result(row.shown, prediction)
        self.outcome.successful += len(batch)

    def _fail(self, output: Output, shown: Mapping[str, Any], error: ApiError) -> None:
        output.error(shown, error)
        self.outcome.failed += 1
        if len(self.outcome.failures) < _MOST_FAILURES and error.message not in {
            one.message for one in self.outcome.failures
        }:
            self.outcome.failures.append(error)

    def _finish(self, output: Output, problems: Sequence[str]) -> None:
        unread: list[ApiError] = [FailedPrecondition(problem) for problem in problems]
        self.outcome.failures = [*unread, *self.outcome.failures][:_MOST_FAILURES]
        self.outcome.output_info = output.finish()
        if not self.outcome.successful:
            cause, *_ = [*self.outcome.failures, InvalidArgument("The input has no instances.")]
            raise type(cause)(f"No instance was predicted. {cause.message}")


def _deployed_id(name: str) -> str:
    return name.rpartition("/")[2]


def _batches(rows: Iterator[_Row], size: int) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
