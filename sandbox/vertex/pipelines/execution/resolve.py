"""Which values go into a task and come out of a graph. No I/O."""

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
    """How a task ended: a name of PipelineTaskDetail.State, its outputs, its error."""

    state: str
    outputs: dict[str, Any] = field(default_factory=dict)
    error: Problem | None = None

    @property
    def succeeded(self) -> bool:
        """It ran well, or did so earlier."""
        return self.state in ("SUCCEEDED", "SKIPPED")


class Unresolved(ValueError):
    """An input has no value, or one of the wrong type; the text says which."""


def task_inputs(
    task: ir.PipelineTaskSpec,
    component: ir.ComponentSpec,
    parent: Values,
    done: Mapping[str, Outcome],
    statuses: Mapping[str, dict[str, Any]],
    facts: Mapping[str, str],
) -> dict[str, Any]:
    """Parameters and artifacts for a task whose upstream tasks are done.

    `statuses` has the final status of each of them, as dsl.PipelineTaskFinalStatus reads it.
    An input without a value gets the component's default, or is left out when it is optional.
    Raises Unresolved when it is neither.
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
            wanted = component.input_definitions.parameters[name].parameter_type
            if wanted == TYPES.STRING and not isinstance(found[name], str):
                # To the compiler every part of a loop's item is a string; as in KFP's driver,
                # it is consumed as JSON then.
                found[name] = json.dumps(found[name])
    for name, artifact in task.inputs.artifacts.items():
        if artifact.HasField("task_output_artifact"):
            made = artifact.task_output_artifact
            _copy(found, name, done[made.producer_task].outputs, made.output_artifact_key)
        else:
            _copy(found, name, parent, artifact.component_input_artifact)
    found |= {name: resolve(value, facts, found) for name, value in constants.items()}
    if task.WhichOneof("iterator"):
        return found  # the item is not there yet: each iteration completes its own
    return complete(component, found)


def complete(component: ir.ComponentSpec, given: Values) -> dict[str, Any]:
    """The inputs with defaults filled in and types applied. Raises Unresolved.

    A graph may lack some: the compiler gives one that contains a loop the loop's item as an input.
    """
    lenient = component.HasField("dag")
    found = dict(given)
    for name, definition in component.input_definitions.parameters.items():
        if found.get(name) is None and definition.HasField("default_value"):
            found[name] = plain(definition.default_value)
        if found.get(name) is None:
            found.pop(name, None)
            if not definition.is_optional and not lenient:
                raise Unresolved(f"its input {name!r} has no value: what makes it did not run")
        elif definition.parameter_type != TYPES.PARAMETER_TYPE_ENUM_UNSPECIFIED:
            try:
                found[name] = typed(found[name], definition.parameter_type)
            except WrongType as error:
                raise Unresolved(f"its input {name!r} {error}") from None
    for name, artifact in component.input_definitions.artifacts.items():
        if name not in found and not artifact.is_optional and not lenient:
            raise Unresolved(f"its input artifact {name!r} is missing: what makes it did not run")
    return found


def dag_outputs(dag: ir.DagSpec, done: Mapping[str, Outcome]) -> dict[str, Any]:
    """What a graph hands on of its tasks' outputs; for dsl.OneOf, of the one that ran."""
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
            made = done[selector.producer_subtask].outputs
            _copy(outputs, name, made, selector.output_artifact_key)
    return outputs


def iterations(
    task: ir.PipelineTaskSpec, component: ir.ComponentSpec, inputs: Values
) -> list[dict[str, Any]]:
    """The inputs of each turn of a dsl.ParallelFor. Raises Unresolved."""
    items: Any
    if task.HasField("artifact_iterator"):
        name, item_input = (
            task.artifact_iterator.items.input_artifact,
            (task.artifact_iterator.item_input),
        )
        items = inputs.get(name)
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
    key = SELECTOR.fullmatch(selector)
    whole = _load(value, f"its input {name!r}") if isinstance(value, str) else value
    if key is None or not isinstance(whole, dict) or key["key"] not in whole:
        raise Unresolved(f"its input {name!r} wants {selector} of {value!r}")
    return whole[key["key"]]


def _load(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Unresolved(f"{what} is not JSON: {text!r}") from None
