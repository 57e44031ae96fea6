"""Checks a spec when the job is created: unsupported features are refused, never skipped."""

import re
from collections.abc import Iterator, Mapping

from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.containers.catalog import Catalog, UnknownImage, google_components, is_plain_python
from sandbox.containers.engine import find_engine
from sandbox.vertex.pipelines.spec import command, condition
from sandbox.vertex.pipelines.spec.container_command import unknown_words
from sandbox.vertex.pipelines.spec.messages import Spec, SpecError, upstream
from sandbox.vertex.pipelines.spec.placeholders import unknown_placeholders
from sandbox.vertex.pipelines.spec.values import TYPES, plain

SELECTOR = re.compile(r"""parseJson\(string_value\)\[(['"])(?P<key>.+)\1\]""")

# Names of tasks and outputs become parts of paths; the compiler's names are narrower.
_FILE = re.compile(r"\w[\w. -]*")


def check(spec: Spec, catalog: Catalog) -> None:
    """Raise SpecError for an invalid spec, for features that the sandbox does not have, and for
    images that are not in its catalog."""
    if spec.pipeline.schema_version != "2.1.0":
        raise SpecError(
            f"pipelineSpec has schemaVersion {spec.pipeline.schema_version!r} and the sandbox "
            "runs 2.1.0: compile the pipeline with kfp 2"
        )
    if not spec.pipeline.sdk_version:
        raise SpecError("pipelineSpec has no sdkVersion: send the output of kfp's compiler")
    if not spec.root.HasField("dag") or not spec.root.dag.tasks:
        raise SpecError("pipelineSpec has no tasks at its root")
    for name, artifact in spec.root.input_definitions.artifacts.items():
        if artifact.is_artifact_list:
            raise SpecError(
                f"the pipeline has a list of artifacts as its input {name!r}, and a job can have "
                "one artifact per name: declare one input for each"
            )
    _check_order(spec.root.dag.tasks)
    _check_depth(spec)
    for name, task in spec.tasks():
        component = spec.component_of(task)
        for problem in _problems(spec, name, task, component, catalog):
            raise SpecError(f"task {name!r} {problem}")
        if component.HasField("dag"):
            _check_order(component.dag.tasks)


def _problems(
    spec: Spec,
    name: str,
    task: ir.PipelineTaskSpec,
    component: ir.ComponentSpec,
    catalog: Catalog,
) -> Iterator[str]:
    outputs = component.output_definitions
    for path in (name, *outputs.parameters, *outputs.artifacts):
        if not _FILE.fullmatch(path):
            yield f"has the name {path!r}, which is not a valid file name"
    if task.trigger_policy.condition:
        try:
            condition.parse(task.trigger_policy.condition)
        except condition.ConditionError as error:
            yield f"has an unsupported condition: {error}"
    if task.caching_options.cache_key:
        yield "has a cache key of its own (set_caching_options), which the sandbox does not have"
    if task.WhichOneof("iterator") and not component.HasField("dag"):
        yield "loops over a component, where the compiler loops over a pipeline (dsl.ParallelFor)"
    if task.iterator_policy.parallelism_limit < 0:
        yield "has a negative parallelismLimit"
    if task.retry_policy.max_retry_count < 0:
        yield "has a negative maxRetryCount"
    for key, parameter in task.inputs.parameters.items():
        selector = parameter.parameter_expression_selector
        if selector and not SELECTOR.fullmatch(selector):
            yield f"selects {selector!r} of its input {key!r}, which the sandbox does not have"
        runtime = parameter.runtime_value
        if runtime.WhichOneof("value") in ("constant_value", "runtime_parameter"):
            yield f"has its input {key!r} in the form of kfp 1: compile the pipeline with kfp 2"
        for placeholder in unknown_placeholders(plain(runtime.constant)):
            yield f"uses {placeholder} in its input {key!r}, which the sandbox does not have"
    for key, definition in component.input_definitions.parameters.items():
        if definition.parameter_type == TYPES.TASK_CONFIG:
            yield f"has an input {key!r} of type TaskConfig, which the sandbox does not have"
    if component.HasField("dag"):
        if task.retry_policy.max_retry_count:
            yield "retries a whole pipeline (set_retry), which the sandbox does not have"
        return
    yield from _executor_problems(spec, component, catalog)


def _executor_problems(spec: Spec, component: ir.ComponentSpec, catalog: Catalog) -> Iterator[str]:
    executor = spec.executor_of(component)
    match executor.WhichOneof("spec"):
        case "container":
            container = executor.container
            try:
                command.read(container.command, container.args)
            except command.NotLightweight as error:
                yield from _container_problems(container, error)
            else:
                if not is_plain_python(container.image):
                    try:
                        catalog.find(container.image)
                    except UnknownImage as error:
                        yield f"cannot run: {error}"
            if container.HasField("lifecycle"):
                yield "has a lifecycle hook, which the sandbox does not have"
        case "importer":
            if executor.importer.download_to_workspace:
                yield "imports into a workspace, which the sandbox does not have"
            if executor.importer.artifact_uri.WhichOneof("value") == "constant_value":
                yield "imports in the form of kfp 1: compile the pipeline with kfp 2"
        case other:
            yield f"has an executor of kind {other}, which the sandbox does not have"


def _container_problems(
    container: ir.PipelineDeploymentConfig.PipelineContainerSpec, reason: command.NotLightweight
) -> Iterator[str]:
    for placeholder in unknown_words([*container.command, *container.args]):
        yield f"uses {placeholder} in its command, which the sandbox does not have"
    if google_components(container.image) is None and find_engine() is None:
        yield (
            f"is a container component of image {container.image!r} ({reason}), and neither Docker "
            "nor Podman responds here: without one the sandbox runs lightweight Python components "
            "(@dsl.component) and Google Cloud Pipeline Components only"
        )


def _check_depth(spec: Spec) -> None:
    """Refuse components that contain each other."""
    parts: dict[str, set[str]] = {}
    for name, component in spec.pipeline.components.items():
        tasks = component.dag.tasks.values()
        parts[name] = {task.component_ref.name for task in tasks} & spec.pipeline.components.keys()
    while parts:
        flat = [name for name, inner in parts.items() if not inner & parts.keys()]
        if not flat:
            raise SpecError(f"the components {sorted(parts)} contain each other")
        for name in flat:
            del parts[name]


def _check_order(tasks: Mapping[str, ir.PipelineTaskSpec]) -> None:
    """Refuse tasks that wait for each other or for unknown tasks."""
    remaining = {name: upstream(task) for name, task in tasks.items()}
    for name, needs in remaining.items():
        for missing in needs - remaining.keys():
            raise SpecError(f"task {name!r} waits for a task {missing!r} that is not in its graph")
    while remaining:
        ready = [name for name, needs in remaining.items() if not needs & remaining.keys()]
        if not ready:
            raise SpecError(f"the tasks {sorted(remaining)} wait for each other")
        for name in ready:
            del remaining[name]
