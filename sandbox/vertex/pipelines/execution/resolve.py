"""Resolves the inputs of tasks and the outputs of graphs. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines.protocol.events import Problem
from sandbox.vertex.pipelines.spec.placeholders import resolve
from sandbox.vertex.pipelines.spec.unsupported import SELECTOR
from sandbox.vertex.pipelines.spec.values import TYPES, WrongType, plain, typed

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The result of a task: a name of PipelineTaskDetail.State, outputs, error."""

    state: str
    outputs: dict[str, Any] = field(default_factory=dict)
    error: Problem | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the task succeeded, now or in the cached execution."""
        return self.state in ("SUCCEEDED", "SKIPPED")


class Unresolved(ValueError):
    """An input has no value, or one of the wrong type; the message names it."""


def task_inputs(
    task: ir.PipelineTaskSpec,
    component: ir.ComponentSpec,
    parent: Values,
    done: Mapping[str, Outcome],
    statuses: Mapping[str, dict[str, Any]],
    facts: Mapping[str, str],
) -> dict[str, Any]:
    """The parameters and artifacts of a task whose upstream tasks are done.

    `statuses` has the final status of each of them, in the form of dsl.PipelineTaskFinalStatus. An
    input without a value gets the component's default, or is left out if it is optional; otherwise
    Unresolved is raised.
    """
    found: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    for name, parameter in task.inputs.parameters.items():
        match parameter.WhichOneof("kind"):
            case "runtime_value":
                constants[name] = plain(parameter.runtime_value.constant)
            case "task_output_parameter":
                source = parameter.task_output_parameter
                _copy(found, name, done[source.producer_task].outputs, source.output_parameter_key)
            case "component_input_parameter":
                _copy(found, name, parent, parameter.component_input_parameter)
            case "task_final_status":
                found[name] = statuses[parameter.task_final_status.producer_task]
        if parameter.parameter_expression_selector and name in found:
            found[name] = _select(parameter.parameter_expression_selector, name, found[name])
    for name, artifact in task.inputs.artifacts.items():
        if artifact.HasField("task_output_artifact"):
            output = artifact.task_output_artifact
            _copy(found, name, done[output.producer_task].outputs, output.output_artifact_key)
        else:
            _copy(found, name, parent, artifact.component_input_artifact)
    found |= {name: resolve(value, facts, found) for name, value in constants.items()}
    if task.WhichOneof("iterator"):
        return found  # without the item: each iteration completes its own inputs
    return complete(component, found)


def complete(component: ir.ComponentSpec, inputs: Values) -> dict[str, Any]:
    """The inputs with defaults and types applied. Raises Unresolved.

    A string may be given as any value, which is passed as JSON: the compiler declares the items of
    an untyped list, and the parts of any item, as strings
    (https://github.com/kubeflow/pipelines/issues/9366 shows that such loops run on Vertex AI).

    Inputs of a graph may be missing: the compiler declares a loop's item as an input of the graph
    that contains the loop.
    """
    lenient = component.HasField("dag")
    found = dict(inputs)
    for name, definition in component.input_definitions.parameters.items():
        if found.get(name) is None and definition.HasField("default_value"):
            found[name] = plain(definition.default_value)
        if found.get(name) is None:
            found.pop(name, None)
            if not definition.is_optional and not lenient:
                raise Unresolved(f"its input {name!r} has no value: its producer did not run")
        elif definition.parameter_type == TYPES.STRING and not isinstance(found[name], str):
            found[name] = json.dumps(found[name])
        elif definition.parameter_type != TYPES.PARAMETER_TYPE_ENUM_UNSPECIFIED:
            try:
                found[name] = typed(found[name], definition.parameter_type)
            except WrongType as error:
                raise Unresolved(f"its input {name!r} {error}") from None
    for name, artifact in component.input_definitions.artifacts.items():
        if name not in found and not artifact.is_optional and not lenient:
            raise Unresolved(f"its input artifact {name!r} is missing: its producer did not run")
    return found


def dag_outputs(dag: ir.DagSpec, done: Mapping[str, Outcome]) -> dict[str, Any]:
    """The outputs of a graph, from those of its tasks; for dsl.OneOf, from the task that ran."""
    outputs: dict[str, Any] = {}
    for name, parameter in dag.outputs.parameters.items():
        if parameter.HasField("value_from_oneof"):
            choices = list(parameter.value_from_oneof.parameter_selectors)
        else:
            choices = [parameter.value_from_parameter]
        for choice in choices:
            _copy(outputs, name, done[choice.producer_subtask].outputs, choice.output_parameter_key)
    for name, artifact in dag.outputs.artifacts.items():
        for selector in artifact.artifact_selectors:
            values = done[selector.producer_subtask].outputs
            _copy(outputs, name, values, selector.output_artifact_key)
    return outputs


def iterations(
    task: ir.PipelineTaskSpec, component: ir.ComponentSpec, inputs: Values
) -> list[dict[str, Any]]:
    """The inputs of each iteration of a dsl.ParallelFor. Raises Unresolved."""
    items: Any
    if task.HasField("artifact_iterator"):
        item_input = task.artifact_iterator.item_input
        items = inputs.get(task.artifact_iterator.items.input_artifact)
    else:
        loop = task.parameter_iterator
        item_input = loop.item_input
        if loop.items.HasField("raw"):
            items = _load(loop.items.raw, "the loop's items")
        else:
            items = inputs.get(loop.items.input_parameter)
            if isinstance(items, str):
                items = _load(items, f"its input {loop.items.input_parameter!r}")
    if not isinstance(items, list):
        raise Unresolved(f"it loops over {items!r}, which is not a list")
    return [complete(component, {**inputs, item_input: item}) for item in items]


def _copy(into: dict[str, Any], name: str, values: Values, key: str) -> None:
    if key in values:
        into[name] = values[key]


def _select(selector: str, name: str, value: Any) -> Any:
    match = SELECTOR.fullmatch(selector)
    content = _load(value, f"its input {name!r}") if isinstance(value, str) else value
    if match is None or not isinstance(content, dict) or match["key"] not in content:
        raise Unresolved(f"its input {name!r} needs {selector} of {value!r}")
    return content[match["key"]]


def _load(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Unresolved(f"{what} is not JSON: {text!r}") from None
