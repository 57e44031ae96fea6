"""Walks a pipeline's graph: what may run runs, in threads, until nothing more can.

The rules are Vertex's, in the default failure policy (FAIL_SLOW): a task runs when all tasks
upstream of it succeeded and its condition holds, and is NOT_TRIGGERED otherwise; a failed task
fails its graph once all the others are over. kfp.local is no help here: its evaluator does not
know the compiler's conditions, and it tells neither states nor times.
"""

import queue
import random
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines import condition
from sandbox.vertex.pipelines.component import ComponentRunner
from sandbox.vertex.pipelines.events import Problem, TaskEvent
from sandbox.vertex.pipelines.job import Job
from sandbox.vertex.pipelines.outputs import new_artifact
from sandbox.vertex.pipelines.placeholders import resolve
from sandbox.vertex.pipelines.resolve import (
    Outcome,
    Unresolved,
    complete,
    dag_outputs,
    iterations,
    task_inputs,
)
from sandbox.vertex.pipelines.spec import Spec, upstream
from sandbox.vertex.pipelines.values import artifacts_of, parameters_of, plain

Report = Callable[[TaskEvent], None]
_COMPLETED = ir.PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED


@dataclass
class _Graph:
    """One graph that is running: its parent task, its inputs, what is over."""

    event: TaskEvent
    tasks: Mapping[str, ir.PipelineTaskSpec]
    inputs: dict[str, Any]
    done: dict[str, Outcome] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)


class Walker:
    """Runs one job from its root."""

    def __init__(self, job: Job, spec: Spec, components: ComponentRunner, report: Report) -> None:
        self._job = job
        self._spec = spec
        self._components = components
        self._report = report
        self._failed = threading.Event()
        self._facts = {
            "$.pipeline_job_name": job.id,
            "$.pipeline_job_resource_name": job.name,
            "$.pipeline_job_uuid": str(job.uid),
            "$.pipeline_job_create_time_utc": job.create_time,
            "$.pipeline_job_schedule_time_utc": job.create_time,
            "$.pipeline_root": job.root,
        }

    def run(self) -> Outcome:
        """Run the whole pipeline. The job itself is the root task, under its own name."""
        event = TaskEvent(_new_id(), 0, self._job.id, "", "run", "PENDING")
        inputs = complete(self._spec.root, self._job.parameters)
        return self._run_graph(event, self._spec.root, inputs)

    def _run_graph(
        self, event: TaskEvent, component: ir.ComponentSpec, inputs: dict[str, Any]
    ) -> Outcome:
        event = replace(event, state="RUNNING").with_inputs(inputs)
        self._report(event)
        graph = _Graph(event, component.dag.tasks, inputs)
        self._run_tasks(graph)
        failed = [graph.tasks[k].task_info.name or k for k in graph.tasks if _is_failed(graph, k)]
        if failed:
            message = "The DAG failed because some tasks failed. The failed tasks are: "
            return self._end(event, Outcome("FAILED", {}, Problem(9, f"{message}{_list(failed)}.")))
        return self._end(event, Outcome("SUCCEEDED", dag_outputs(component.dag, graph.done)))

    def _run_tasks(self, graph: _Graph) -> None:
        over: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        waiting = dict(graph.tasks)
        running = 0
        while waiting or running:
            ready = [k for k, task in waiting.items() if upstream(task) <= graph.done.keys()]
            for key in ready:
                task = waiting.pop(key)
                running += 1
                threading.Thread(
                    target=lambda k=key, t=task: over.put((k, self._safely(graph, k, t))),
                    daemon=True,
                ).start()
            key, outcome = over.get()
            running -= 1
            self._keep(graph, key, outcome)

    def _keep(self, graph: _Graph, key: str, outcome: Outcome) -> None:
        graph.done[key] = outcome
        status: dict[str, Any] = {
            "state": outcome.state,
            "pipelineJobResourceName": self._job.name,
            "pipelineTaskName": graph.tasks[key].task_info.name or key,
        }
        if outcome.error:
            self._failed.set()
            status["error"] = {"code": outcome.error.code, "message": outcome.error.message}
        graph.statuses[key] = status

    def _safely(self, graph: _Graph, key: str, task: ir.PipelineTaskSpec) -> Outcome:
        parent = graph.event
        name = task.task_info.name or key
        unique = f"{parent.unique_name}.{key}".lstrip(".")
        event = TaskEvent(_new_id(), parent.task_id, name, unique, "dag", "PENDING")
        try:
            return self._task(graph, key, task, event)
        except Exception as error:  # a fault of ours must end as a failed task, not as silence
            traceback.print_exc()
            problem = Problem(13, f"the sandbox failed on task {name!r}: {error!r}")
            return self._end(event, Outcome("FAILED", {}, problem))

    def _task(
        self, graph: _Graph, key: str, task: ir.PipelineTaskSpec, event: TaskEvent
    ) -> Outcome:
        component = self._spec.component_of(task)
        if not component.HasField("dag"):
            event = replace(event, kind=self._spec.executor_of(component).WhichOneof("spec"))
        if task.trigger_policy.strategy != _COMPLETED:
            if not all(graph.done[other].succeeded for other in upstream(task)):
                return self._end(event, Outcome("NOT_TRIGGERED"))
            if self._job.fail_fast and self._failed.is_set():
                return self._end(event, Outcome("NOT_TRIGGERED"))
        facts = self._facts | {
            "$.pipeline_task_name": key,
            "$.pipeline_task_uuid": str(event.task_id),
        }
        try:
            inputs = task_inputs(task, component, graph.inputs, graph.done, graph.statuses, facts)
            event = event.with_inputs(inputs)
            if not _triggered(task, inputs):
                return self._end(event, Outcome("NOT_TRIGGERED"))
            if task.HasField("parameter_iterator"):
                return self._loop(key, task, component, inputs, event)
        except (Unresolved, condition.ConditionError) as error:
            message = f"task {event.name!r} cannot start: {error}"
            return self._end(event, Outcome("FAILED", {}, Problem(3, message)))
        self._report(event)
        match event.kind:
            case "dag":
                return self._run_graph(event, component, inputs)
            case "importer":
                return self._end(event, self._import(component, inputs, facts))
            case _:
                return self._run_component(key, task, component, inputs, event)

    def _run_component(
        self,
        key: str,
        task: ir.PipelineTaskSpec,
        component: ir.ComponentSpec,
        inputs: dict[str, Any],
        event: TaskEvent,
    ) -> Outcome:
        container = self._spec.executor_of(component).container
        pauses = _pauses(task.retry_policy)
        label = event.unique_name
        while True:
            attempt = str(random.getrandbits(62))
            event = replace(event, state="RUNNING", jobs=[*event.jobs, attempt])
            self._report(event)
            outcome = self._components.run(label, event.task_id, component, container, inputs)
            if outcome.succeeded or not pauses:
                return self._end(event, outcome)
            threading.Event().wait(pauses.pop(0))

    def _import(
        self, component: ir.ComponentSpec, inputs: dict[str, Any], facts: dict[str, str]
    ) -> Outcome:
        importer = self._spec.executor_of(component).importer
        if importer.artifact_uri.WhichOneof("value") == "runtime_parameter":
            uri = inputs[importer.artifact_uri.runtime_parameter]
        else:
            uri = plain(importer.artifact_uri.constant)
        artifact = new_artifact("artifact", str(uri), importer.type_schema, self._job)
        metadata = resolve(json_format.MessageToDict(importer.metadata), facts, inputs)
        return Outcome("SUCCEEDED", {"artifact": artifact.with_result("", metadata)})

    def _loop(
        self,
        key: str,
        task: ir.PipelineTaskSpec,
        component: ir.ComponentSpec,
        inputs: dict[str, Any],
        event: TaskEvent,
    ) -> Outcome:
        """One turn after the other; a turn is a graph of its own beneath the loop."""
        turns = iterations(task, component, inputs)
        event = replace(event, state="RUNNING")
        self._report(event)
        outcomes: list[Outcome] = []
        for number, turn in enumerate(turns):
            name = f"{event.name}-worker-{number}"
            unique = f"{event.unique_name}.{key}-worker-{number}"
            inner = TaskEvent(_new_id(), event.task_id, name, unique, "dag", "PENDING")
            outcomes.append(self._run_graph(inner, component, turn))
        failed = [f"{event.name}-worker-{n}" for n, one in enumerate(outcomes) if not one.succeeded]
        if failed:
            message = "The DAG failed because some tasks failed. The failed tasks are: "
            return self._end(event, Outcome("FAILED", {}, Problem(9, f"{message}{_list(failed)}.")))
        names = [*component.dag.outputs.parameters, *component.dag.outputs.artifacts]
        collected = {
            name: [one.outputs[name] for one in outcomes if name in one.outputs] for name in names
        }
        return self._end(event, Outcome("SUCCEEDED", collected))

    def _end(self, event: TaskEvent, outcome: Outcome) -> Outcome:
        self._report(
            replace(
                event,
                state=outcome.state,
                error=outcome.error,
                outputs=artifacts_of(outcome.outputs),
                output_parameters=parameters_of(outcome.outputs),
            )
        )
        return outcome


def _triggered(task: ir.PipelineTaskSpec, inputs: Mapping[str, Any]) -> bool:
    text = task.trigger_policy.condition
    if not text:
        return True
    holds = condition.parse(text)(inputs)
    if not isinstance(holds, bool):
        raise condition.ConditionError(f"the condition {text!r} is neither true nor false")
    return holds


def _pauses(policy: ir.PipelineTaskSpec.RetryPolicy) -> list[float]:
    """The seconds to wait before each retry: base, base*factor, ... up to the longest."""
    base = policy.backoff_duration.ToTimedelta().total_seconds()
    longest = policy.backoff_max_duration.ToTimedelta().total_seconds() or 3600.0
    factor = policy.backoff_factor or 2.0
    return [min(longest, base * factor**n) for n in range(policy.max_retry_count)]


def _is_failed(graph: _Graph, key: str) -> bool:
    return graph.done[key].state == "FAILED"


def _list(names: list[str]) -> str:
    return "[" + ", ".join(names) + "]"


def _new_id() -> int:
    """A task id like Vertex's, which are signed."""
    return random.choice((-1, 1)) * random.randint(10**17, 2**63 - 1)
