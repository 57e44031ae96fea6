"""Runs the tasks that are not graphs: components, unless they are cached, and importers."""

import random
import threading
from dataclasses import replace
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines.execution.caching import cache_key
from sandbox.vertex.pipelines.execution.component import ComponentRunner
from sandbox.vertex.pipelines.execution.mount import StorageError
from sandbox.vertex.pipelines.execution.outputs import new_artifact
from sandbox.vertex.pipelines.execution.resolve import Outcome
from sandbox.vertex.pipelines.protocol.channel import Channel
from sandbox.vertex.pipelines.protocol.events import Problem, TaskEvent, artifacts_from
from sandbox.vertex.pipelines.protocol.job import Job
from sandbox.vertex.pipelines.spec.messages import Spec
from sandbox.vertex.pipelines.spec.placeholders import resolve
from sandbox.vertex.pipelines.spec.values import artifacts_of, plain


class TaskRunner:
    """Runs components and importers of one job. Called from several threads."""

    def __init__(self, job: Job, spec: Spec, components: ComponentRunner, channel: Channel) -> None:
        self._job = job
        self._spec = spec
        self._components = components
        self._channel = channel

    def run(
        self,
        event: TaskEvent,
        task: ir.PipelineTaskSpec,
        component: ir.ComponentSpec,
        inputs: dict[str, Any],
    ) -> tuple[TaskEvent, Outcome]:
        """Run a task and send its events, except for the last one, which is returned."""
        executor = self._spec.executor_of(component)
        if event.kind == "importer":
            event = replace(event, state="RUNNING")
            self._channel.send(event)
            return event, self._import(event, executor.importer, inputs)
        container = executor.container
        name = self._spec.pipeline.pipeline_info.name
        key = cache_key(name, component, container, inputs)
        if task.caching_options.enable_cache and not self._components.must_fail(event.unique_name):
            cached = self._cached(key)
            if cached is not None:
                return event, cached
        pauses = _pauses(task.retry_policy)
        while True:
            attempt = str(random.getrandbits(62))
            event = replace(event, state="RUNNING", jobs=[*event.jobs, attempt], error=None)
            outcome = self._components.run(event, component, container, inputs)
            if outcome.succeeded:
                return self._cacheable(event, key, outcome), outcome
            if not pauses:
                return event, outcome
            # The error of an attempt that is retried; PipelineTaskStatus.error has it.
            self._channel.send(replace(event, state="PENDING", error=outcome.error))
            threading.Event().wait(pauses.pop(0))

    def _cached(self, key: str) -> Outcome | None:
        content = self._channel.ask("cache", {"key": key})
        if content is None:
            return None
        try:
            if not all(self._components.exists(uri) for uri in content["stored"]):
                return None
        except StorageError:
            return None  # running the task reports the error
        artifacts = {key: found[0] for key, found in artifacts_from(content["artifacts"]).items()}
        return Outcome("SKIPPED", {**content["parameters"], **artifacts})

    def _cacheable(self, event: TaskEvent, key: str, outcome: Outcome) -> TaskEvent:
        uris = [a.uri for found in artifacts_of(outcome.outputs).values() for a in found]
        try:
            stored = [uri for uri in uris if self._components.exists(uri)]
        except StorageError:
            return event
        return replace(event, cache_key=key, stored=stored)

    def _import(
        self,
        event: TaskEvent,
        importer: ir.PipelineDeploymentConfig.ImporterSpec,
        inputs: dict[str, Any],
    ) -> Outcome:
        if importer.artifact_uri.WhichOneof("value") == "runtime_parameter":
            uri = inputs[importer.artifact_uri.runtime_parameter]
        else:
            uri = plain(importer.artifact_uri.constant)
        if not isinstance(uri, str) or not uri:
            return Outcome("FAILED", error=Problem(3, f"artifact_uri {uri!r} is not a URI."))
        facts = self._job.facts(event.key, event.task_id)
        metadata = resolve(json_format.MessageToDict(importer.metadata), facts, inputs)
        artifact = new_artifact("artifact", uri, importer.type_schema, self._job)
        artifact = artifact.with_result("", metadata)
        if not importer.reimport:
            about = {"uri": uri, "kind": artifact.type, "metadata": metadata}
            known = self._channel.ask("artifact", about)
            artifact = replace(artifact, name=known or artifact.name)
        return Outcome("SUCCEEDED", {"artifact": artifact})


def _pauses(policy: ir.PipelineTaskSpec.RetryPolicy) -> list[float]:
    """The pause before each retry, in seconds: base, base * factor, ... up to the maximum."""
    base = policy.backoff_duration.ToTimedelta().total_seconds()
    longest = policy.backoff_max_duration.ToTimedelta().total_seconds() or 3600.0
    factor = policy.backoff_factor or 2.0
    return [min(longest, base * factor**n) for n in range(policy.max_retry_count)]
