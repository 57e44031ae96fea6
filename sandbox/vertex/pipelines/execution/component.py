"""Runs components: executor input, process or container, executor output."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.containers.catalog import (
    Catalog,
    UnknownImage,
    google_components,
    is_plain_python,
)
from sandbox.containers.engine import find_engine, run_command
from sandbox.containers.environments import EnvironmentFailed, image_variables, interpreter
from sandbox.vertex.pipelines.execution import component_main
from sandbox.vertex.pipelines.execution.environment import interpreter_for
from sandbox.vertex.pipelines.execution.mount import Mount, StorageError
from sandbox.vertex.pipelines.execution.outputs import BadOutput, declared, read_outputs
from sandbox.vertex.pipelines.execution.resolve import Outcome
from sandbox.vertex.pipelines.protocol.channel import Channel
from sandbox.vertex.pipelines.protocol.events import SLOT, Problem, SlotReleased, TaskEvent
from sandbox.vertex.pipelines.protocol.job import Job, file_name, log_name
from sandbox.vertex.pipelines.spec import command, container_command
from sandbox.vertex.pipelines.spec.values import artifacts_of, parameters_of

Container: TypeAlias = ir.PipelineDeploymentConfig.PipelineContainerSpec
Inputs = dict[str, Any]

_TRACEBACK = "Traceback (most recent call last):"
_TAIL = 64 * 1024
_LONGEST_CAUSE = 500
# Google's clients in a container need these variables of the sandbox.
_EMULATORS = ("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT")


class ComponentRunner:
    """Runs components of one job, each in a slot of the server. Called from several threads."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        environments: Path,
        catalog: Catalog,
        mount: Mount,
        channel: Channel,
        clients: Mapping[str, str],
    ) -> None:
        """`clients` are variables for Google's clients in lightweight components."""
        self._job = job
        self._folder = folder
        self._environments = environments
        self._catalog = catalog
        self._mount = mount
        self._channel = channel
        self._clients = clients
        self._stopping = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(
        self, event: TaskEvent, component: ir.ComponentSpec, container: Container, inputs: Inputs
    ) -> Outcome:
        """Run a component; any failure is an Outcome, not an exception.

        `event` is sent when the component gets its slot.
        """
        with self._slot():
            self._wait_if_stopping()
            self._channel.send(event)
            if self.must_fail(event.unique_name):
                reason = "The replica workerpool0-0 exited with a non-zero status of 1"
                message = f"{reason}. A test requested this failure."
                return Outcome("FAILED", error=Problem(9, message))
            try:
                return self._run(event, component, container, inputs)
            except (EnvironmentFailed, UnknownImage, StorageError, BadOutput) as error:
                return Outcome("FAILED", error=Problem(9, f"{error}."))

    def must_fail(self, unique_name: str) -> bool:
        """Whether a test has requested that the task fails."""
        return unique_name.rpartition(".")[2] in self._job.failing

    def exists(self, uri: str) -> bool:
        """Whether an object exists at the URI (see Mount.exists). Raises StorageError."""
        return self._mount.exists(uri)

    def stop(self) -> None:
        """Start no more components, and wait for the running ones; called on SIGTERM.

        Other threads then wait until the process ends, so that a cancelled component is not
        reported as failed.
        """
        self._stopping.set()
        for process in list(self._running):
            process.terminate()  # it may have started after the signal
            process.wait()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        self._channel.ask(SLOT, {})
        try:
            yield
        finally:
            self._channel.send(SlotReleased())

    def _start(self, *args: Any, **options: Any) -> subprocess.Popen[bytes]:
        self._wait_if_stopping()
        process = subprocess.Popen(*args, **options)
        self._running.add(process)
        return process

    def _wait_if_stopping(self) -> None:
        if self._stopping.is_set():
            threading.Event().wait()

    def _run(
        self, event: TaskEvent, component: ir.ComponentSpec, container: Container, inputs: Inputs
    ) -> Outcome:
        label = event.unique_name
        for artifacts in artifacts_of(inputs).values():
            for artifact in artifacts:
                self._mount.fetch(artifact.uri)
        # As in Vertex AI: gs://BUCKET/ROOT/PROJECT/JOB/TASK_ID/OUTPUT
        root = f"{self._job.root}/{self._job.project}/{self._job.id}/{event.key}_{event.task_id}"
        outputs = declared(component, root, self._mount.path(root), self._job)
        work = self._folder / "work" / f"{file_name(label)}_{event.task_id}"
        work.mkdir(parents=True, exist_ok=True)
        outputs.clear()  # of an earlier attempt
        executor_input = {
            "inputs": {
                "parameterValues": parameters_of(inputs),
                "artifacts": {
                    name: {"artifacts": [artifact.to_executor_json() for artifact in artifacts]}
                    for name, artifacts in artifacts_of(inputs).items()
                },
            },
            "outputs": outputs.to_executor_json(),
        }
        environment = dict(os.environ)
        variables = {
            "VERTEX_AI_PIPELINES_RUN_LABELS": json.dumps(self._job.labels),
            **{variable.name: variable.value for variable in container.env},
        }
        try:
            lightweight = command.read(container.command, container.args)
        except command.NotLightweight:
            facts = self._job.facts(event.key, event.task_id)
            if image := google_components(container.image):
                words = [*container.command, *container.args]
                words = container_command.fill(
                    words, executor_input, facts, str(self._mount.folder)
                )
                environment |= self._clients
                environment |= image_variables(image, interpreter(image)) | variables
            else:
                words = self._in_container(container, executor_input, facts, variables)
        else:
            python, image_environment = self._interpreter(lightweight, container.image)
            environment |= {"PYTHONUNBUFFERED": "1", **self._clients}
            environment |= image_environment | variables
            (work / "ephemeral_component.py").write_text(lightweight.source, encoding="utf-8")
            (work / "executor_input.json").write_text(json.dumps(executor_input), encoding="utf-8")
            words = [python, component_main.__file__, str(self._mount.folder)]
            words += ["ephemeral_component.py", "executor_input.json", lightweight.function]
        log = self._folder / log_name(label)
        with log.open("ab") as out:
            # In the process group of the runner, which is ended as a whole.
            process = self._start(
                words,
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            code = process.wait()
        self._wait_if_stopping()
        self._running.discard(process)
        self._mount.upload()  # also after a failure, as with a mounted bucket
        if code:
            status = code if code > 0 else 128 - code
            cause = _cause(log)
            cause = f"{cause.removesuffix('.')}. " if cause else ""
            message = (
                f"The replica workerpool0-0 exited with a non-zero status of {status}. {cause}"
                f"To find out more about why your job exited please check the logs: {log}"
            )
            return Outcome("FAILED", error=Problem(9, message))
        return Outcome("SUCCEEDED", read_outputs(component, outputs))

    def _interpreter(
        self, lightweight: command.Lightweight, uri: str
    ) -> tuple[str, dict[str, str]]:
        """The path of the interpreter for a component of that image, and its variables."""
        image = None if is_plain_python(uri) else self._catalog.find(uri)
        python = interpreter_for(lightweight, image, self._environments)
        return str(python), image_variables(image, python) if image else {}

    def _in_container(
        self,
        container: Container,
        executor_input: dict[str, Any],
        facts: Mapping[str, str],
        variables: dict[str, str],
    ) -> list[str]:
        """The command line of Docker or Podman for a container component."""
        engine = find_engine()
        if engine is None:
            raise EnvironmentFailed("neither Docker nor Podman responds any more: start it again")
        local, inside = str(self._mount.folder), container_command.MOUNT
        outputs = json.dumps(executor_input["outputs"], ensure_ascii=False)
        outputs = outputs.replace(f"{local}/", f"{inside}/")
        executor_input = {**executor_input, "outputs": json.loads(outputs)}
        words, arguments = (
            container_command.fill(part, executor_input, facts)
            for part in (container.command, container.args)
        )
        emulators = {name: os.environ[name] for name in _EMULATORS if name in os.environ}
        self._mount.folder.mkdir(exist_ok=True)  # otherwise Docker creates it, as root
        return run_command(
            engine, container.image, words, arguments, (local, inside), emulators | variables
        )


def _cause(log: Path) -> str:
    """The last exception ("ValueError: ..."), otherwise the last line; "" for an empty log."""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    found = ""
    inside = False
    for line in lines:
        if line == _TRACEBACK:
            inside = True
        elif inside and line.strip() and not line.startswith(" "):
            found, inside = line, False
    if not found:
        found = next((line for line in reversed(lines) if line.strip()), "")
        found = found.removeprefix("}")  # the end of the input, which kfp's executor logs first
    return found.strip()[:_LONGEST_CAUSE]
