"""The spec of a pipeline job as messages of pipeline_spec.proto."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as ir


class SpecError(ValueError):
    """The spec is not a compiled pipeline; the message says what is wrong, and where."""


class Spec:
    """A compiled pipeline; its executors, a Struct in the message, are parsed as well."""

    def __init__(self, content: dict[str, Any]) -> None:
        """Raises SpecError for content that does not fit pipeline_spec.proto."""
        self.pipeline = ir.PipelineSpec()
        deployment = ir.PipelineDeploymentConfig()
        try:
            json_format.ParseDict(content, self.pipeline)
            json_format.ParseDict(
                json_format.MessageToDict(self.pipeline.deployment_spec), deployment
            )
        except json_format.ParseError as error:
            raise SpecError(f"pipelineSpec is not a compiled pipeline: {error}") from None
        self.executors = dict(deployment.executors)

    @property
    def root(self) -> ir.ComponentSpec:
        """The pipeline itself, as a component."""
        return self.pipeline.root

    def component_of(self, task: ir.PipelineTaskSpec) -> ir.ComponentSpec:
        """The component of a task. Raises SpecError if it is missing."""
        name = task.component_ref.name
        if name not in self.pipeline.components:
            raise SpecError(f"pipelineSpec has no component {name!r}; compile the pipeline again")
        return self.pipeline.components[name]

    def executor_of(self, component: ir.ComponentSpec) -> ir.PipelineDeploymentConfig.ExecutorSpec:
        """The executor of a component. Raises SpecError if it is missing."""
        label = component.executor_label
        if label not in self.executors:
            raise SpecError(f"pipelineSpec has no executor {label!r}; compile the pipeline again")
        return self.executors[label]

    def tasks(self) -> Iterator[tuple[str, ir.PipelineTaskSpec]]:
        """Every task of every graph below the root, with its name."""
        graphs = [self.root]
        seen: set[str] = set()
        while graphs:
            for name, task in graphs.pop().dag.tasks.items():
                yield name, task
                component = self.component_of(task)
                if component.HasField("dag") and task.component_ref.name not in seen:
                    seen.add(task.component_ref.name)
                    graphs.append(component)


def upstream(task: ir.PipelineTaskSpec) -> set[str]:
    """The tasks of the same graph that must end before this one starts."""
    found = set(task.dependent_tasks)
    for parameter in task.inputs.parameters.values():
        found.add(parameter.task_output_parameter.producer_task)
        found.add(parameter.task_final_status.producer_task)
    for artifact in task.inputs.artifacts.values():
        found.add(artifact.task_output_artifact.producer_task)
    return found - {""}
