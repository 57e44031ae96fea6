"""Runs the graph of a pipeline: each task in a thread, as soon as its upstream tasks have ended.

As in Vertex AI, a task runs if its upstream tasks succeeded and its condition holds; otherwise it
is NOT_TRIGGERED. A failed task fails its graph when all other tasks have ended or, with the failure
policy FAIL_FAST, when the started ones have. kfp.local cannot be used: it does not evaluate the
compiler's conditions, and reports neither states nor times.
"""

import queue
import random
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines.execution.resolve import (
    Outcome,
    Unresolved,
    complete,
    dag_outputs,
    iterations,
    task_inputs,
)
from sandbox.vertex.pipelines.execution.task_runner import TaskRunner
from sandbox.vertex.pipelines.jobs.slots import AT_ONCE
from sandbox.vertex.pipelines.protocol.events import Problem, TaskEvent
from sandbox.vertex.pipelines.protocol.job import Job
from sandbox.vertex.pipelines.spec import condition
from sandbox.vertex.pipelines.spec.messages import Spec, upstream
from sandbox.vertex.pipelines.spec.values import artifacts_of, flat, parameters_of

Report = Callable[[TaskEvent], None]
_COMPLETED = ir.PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED


@dataclass
class _Graph:
    """A running graph: its parent task, inputs and finished tasks."""

    event: TaskEvent
    tasks: Mapping[str, ir.PipelineTaskSpec]
    inputs: dict[str, Any]
    done: dict[str, Outcome] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    cut_short: bool = False


class DagExecutor:
    """Runs one job."""

    def __init__(self, job: Job, spec: Spec, task_runner: TaskRunner, report: Report) -> None:
        self._job = job
        self._spec = spec
        self._task_runner = task_runner
        self._report = report
        self._failed = threading.Event()

    def run(self) -> Outcome:
        """Run the pipeline. The root task has the id of the job as its name."""
        event = TaskEvent(_new_id(), 0, self._job.id, "", "run", "PENDING")
        inputs = complete(self._spec.root, {**self._job.parameters, **self._job.artifacts})
        self._report(event)
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
            return self._end(event, _failed(failed))
        if graph.cut_short:
            message = "Some tasks were not started because another one failed (FAIL_FAST)."
            return self._end(event, Outcome("FAILED", {}, Problem(9, message)))
        return self._end(event, Outcome("SUCCEEDED", dag_outputs(component.dag, graph.done)))

    def _run_tasks(self, graph: _Graph) -> None:
        ended: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()
        waiting = dict(graph.tasks)
        running = 0
        while waiting or running:
            ready = [k for k, task in waiting.items() if upstream(task) <= graph.done.keys()]
            for key in ready:
                task = waiting.pop(key)
                running += 1
                threading.Thread(
                    target=lambda k=key, t=task: ended.put((k, self._run_safely(graph, k, t))),
                    daemon=True,
                ).start()
            key, outcome = ended.get()
            running -= 1
            self._record(graph, key, outcome)

    def _record(self, graph: _Graph, key: str, outcome: Outcome) -> None:
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

    def _run_safely(self, graph: _Graph, key: str, task: ir.PipelineTaskSpec) -> Outcome:
        parent = graph.event
        name = task.task_info.name or key
        unique = f"{parent.unique_name}.{key}".lstrip(".")
        component = self._spec.component_of(task)
        kind = "dag"
        if not component.HasField("dag"):
            kind = self._spec.executor_of(component).WhichOneof("spec")
        event = TaskEvent(_new_id(), parent.task_id, name, unique, kind, "PENDING")
        self._report(event)
        try:
            return self._run_task(graph, key, task, event)
        except Exception as error:  # a bug in the sandbox fails the task
            traceback.print_exc()
            problem = Problem(13, f"the sandbox failed on task {name!r}: {error!r}")
            return self._end(event, Outcome("FAILED", {}, problem))

    def _run_task(
        self, graph: _Graph, key: str, task: ir.PipelineTaskSpec, event: TaskEvent
    ) -> Outcome:
        component = self._spec.component_of(task)
        if task.trigger_policy.strategy != _COMPLETED:
            if not all(graph.done[other].succeeded for other in upstream(task)):
                return self._end(event, Outcome("NOT_TRIGGERED"))
            if self._job.fail_fast and self._failed.is_set():
                graph.cut_short = True
                return self._end(event, Outcome("NOT_TRIGGERED"))
        facts = self._job.facts(key, event.task_id)
        try:
            inputs = task_inputs(task, component, graph.inputs, graph.done, graph.statuses, facts)
            event = event.with_inputs(inputs)
            if not _triggered(task, inputs):
                return self._end(event, Outcome("NOT_TRIGGERED"))
            if task.WhichOneof("iterator"):
                return self._run_loop(key, task, component, inputs, event)
        except (Unresolved, condition.ConditionError) as error:
            message = f"task {event.name!r} cannot start: {error}"
            return self._end(event, Outcome("FAILED", {}, Problem(3, message)))
        if event.kind == "dag":
            return self._run_graph(event, component, inputs)
        return self._end(*self._task_runner.run(event, task, component, inputs))

    def _run_loop(
        self,
        key: str,
        task: ir.PipelineTaskSpec,
        component: ir.ComponentSpec,
        inputs: dict[str, Any],
        event: TaskEvent,
    ) -> Outcome:
        """Run the iterations, each as a graph, as many at once as task and machine allow."""
        items = iterations(task, component, inputs)
        event = replace(event, state="RUNNING")
        self._report(event)

        def run_iteration(number: int) -> Outcome:
            name = f"{event.name}-worker-{number}"
            unique = f"{event.unique_name}.{key}-worker-{number}"
            inner = TaskEvent(_new_id(), event.task_id, name, unique, "dag", "PENDING")
            self._report(inner)
            return self._run_graph(inner, component, items[number])

        limit = task.iterator_policy.parallelism_limit or AT_ONCE
        with ThreadPoolExecutor(min(limit, AT_ONCE)) as pool:
            outcomes = list(pool.map(run_iteration, range(len(items))))
        failed = [
            f"{event.name}-worker-{number}"
            for number, outcome in enumerate(outcomes)
            if not outcome.succeeded
        ]
        if failed:
            return self._end(event, _failed(failed))
        outputs = component.dag.outputs
        collected: dict[str, Any] = {}
        for name in [*outputs.parameters, *outputs.artifacts]:
            values = [outcome.outputs[name] for outcome in outcomes if name in outcome.outputs]
            collected[name] = flat(values) if name in outputs.artifacts else values
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


def _is_failed(graph: _Graph, key: str) -> bool:
    return graph.done[key].state == "FAILED"


def _failed(names: list[str]) -> Outcome:
    message = "The DAG failed because some tasks failed. The failed tasks are: "
    return Outcome("FAILED", {}, Problem(9, f"{message}[{', '.join(names)}]."))


def _new_id() -> int:
    """A task id; those of Vertex AI are signed, too."""
    return random.choice((-1, 1)) * random.randint(10**17, 2**63 - 1)
