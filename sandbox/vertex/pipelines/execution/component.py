"""Runs one lightweight component: its executor input, its process, its executor output."""

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines.execution import component_main as entry
from sandbox.vertex.pipelines.execution.environment import EnvironmentFailed, interpreter_for
from sandbox.vertex.pipelines.execution.mount import Mount, StorageError
from sandbox.vertex.pipelines.execution.outputs import BadOutput, declared, read_outputs
from sandbox.vertex.pipelines.execution.resolve import Outcome
from sandbox.vertex.pipelines.protocol.channel import Channel
from sandbox.vertex.pipelines.protocol.events import SLOT, Problem, SlotReleased
from sandbox.vertex.pipelines.protocol.job import Job
from sandbox.vertex.pipelines.spec import command
from sandbox.vertex.pipelines.spec.values import artifacts_of, parameters_of

# File systems allow 255 bytes; what is added to a label is shorter than the rest.
_LONGEST_NAME = 200
_TRACEBACK = "Traceback (most recent call last):"
_TAIL = 64 * 1024
_LONGEST_CAUSE = 500


class ComponentRunner:
    """Starts components of one job, each when the server says so. Called from several threads."""

    def __init__(
        self, job: Job, folder: Path, environments: Path, mount: Mount, channel: Channel
    ) -> None:
        self._job = job
        self._folder = folder
        self._environments = environments
        self._mount = mount
        self._channel = channel
        self._stopping = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(
        self,
        label: str,
        task_id: int,
        component: ir.ComponentSpec,
        container: ir.PipelineDeploymentConfig.PipelineContainerSpec,
        inputs: dict[str, Any],
        begin: Callable[[], None],
    ) -> Outcome:
        """Run it to its end. A failure is an Outcome too: nothing is raised for it.

        `begin` is called when it is its turn.
        """
        with self._turn():
            self._leave_if_stopping()
            begin()
            if self.must_fail(label):
                why = "The replica workerpool0-0 exited with a non-zero status of 1"
                return Outcome("FAILED", error=Problem(9, f"{why}. A test asked for this failure."))
            try:
                return self._run(label, task_id, component, container, inputs)
            except (EnvironmentFailed, StorageError, BadOutput) as error:
                return Outcome("FAILED", error=Problem(9, f"{error}."))

    def must_fail(self, label: str) -> bool:
        """Whether a test wants this task to fail."""
        return label.rpartition(".")[2] in self._job.failing

    def exists(self, uri: str) -> bool:
        """Whether anything lies at that URI, as far as this can be known. Raises StorageError."""
        return self._mount.exists(uri)

    def stop(self) -> None:
        """Start no more, and wait for those that run; for the signal that ends their group.

        Threads that come by afterwards stay in here until the process is gone, so that what
        was cancelled is not reported as failed.
        """
        self._stopping.set()
        for process in list(self._running):
            process.terminate()  # it may have begun just after the signal
            process.wait()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._channel.ask(SLOT, {})
        try:
            yield
        finally:
            self._channel.send(SlotReleased())

    def _start(self, *command: Any, **settings: Any) -> subprocess.Popen[bytes]:
        self._leave_if_stopping()
        process = subprocess.Popen(*command, **settings)
        self._running.add(process)
        return process

    def _leave_if_stopping(self) -> None:
        if self._stopping.is_set():
            threading.Event().wait()

    def _run(
        self,
        label: str,
        task_id: int,
        component: ir.ComponentSpec,
        container: ir.PipelineDeploymentConfig.PipelineContainerSpec,
        inputs: dict[str, Any],
    ) -> Outcome:
        wanted = command.read(container.command, container.args)
        python = interpreter_for(wanted, self._environments)
        for many in artifacts_of(inputs).values():
            for artifact in many:
                self._mount.fetch(artifact.uri)
        key = label.rpartition(".")[2]
        # On Vertex: gs://BUCKET/ROOT/PROJECT/JOB/TASK_ID/OUTPUT
        root = f"{self._job.root}/{self._job.project}/{self._job.id}/{key}_{task_id}"
        outputs = declared(component, root, self._mount.path(root), self._job)
        work = self._folder / "work" / f"{_file_name(label)}_{task_id}"
        work.mkdir(parents=True, exist_ok=True)
        outputs.clear()  # of an attempt before this one
        (work / "ephemeral_component.py").write_text(wanted.source, encoding="utf-8")
        executor_input = {
            "inputs": {
                "parameterValues": parameters_of(inputs),
                "artifacts": {
                    name: {"artifacts": [one.as_executor_sees_it() for one in many]}
                    for name, many in artifacts_of(inputs).items()
                },
            },
            "outputs": outputs.as_executor_sees_them(),
        }
        (work / "executor_input.json").write_text(json.dumps(executor_input), encoding="utf-8")
        log = self._folder / f"{_file_name(label)}.log"
        with log.open("ab") as out:
            # In the runner's own process group: ending the group ends them all.
            arguments = [str(self._mount.folder), "ephemeral_component.py", "executor_input.json"]
            process = self._start(
                [python, entry.__file__, *arguments, wanted.function],
                cwd=work,
                env=self._environment(container),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            code = process.wait()
        self._leave_if_stopping()
        self._running.discard(process)
        self._mount.send()  # also after a failure: on Vertex its files would be there too
        if code:
            status = code if code > 0 else 128 - code
            why = _cause(log)
            why = f"{why}{'' if why.endswith('.') else '.'} " if why else ""
            message = (
                f"The replica workerpool0-0 exited with a non-zero status of {status}. {why}"
                f"To find out more about why your job exited please check the logs: {log}"
            )
            return Outcome("FAILED", error=Problem(9, message))
        return Outcome("SUCCEEDED", read_outputs(component, outputs))

    def _environment(
        self, container: ir.PipelineDeploymentConfig.PipelineContainerSpec
    ) -> dict[str, str]:
        found = dict(os.environ)
        found["PYTHONUNBUFFERED"] = "1"
        found["VERTEX_AI_PIPELINES_RUN_LABELS"] = json.dumps(self._job.labels)
        return found | {variable.name: variable.value for variable in container.env}


def _file_name(label: str) -> str:
    name = label.encode()
    if len(name) <= _LONGEST_NAME:
        return label
    start = name[: _LONGEST_NAME - 17].decode("utf-8", "ignore")
    return f"{start}-{hashlib.sha256(name).hexdigest()[:16]}"


def _cause(log: Path) -> str:
    """The last exception's line ("ValueError: ..."), or else the last line; "" for no lines."""
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
    return found.strip()[:_LONGEST_CAUSE]
