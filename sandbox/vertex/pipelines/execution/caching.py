"""The cache key of a task. No I/O.

Source: https://cloud.google.com/vertex-ai/docs/pipelines/configure-caching. The key consists of the
values of input parameters and the ids of input artifacts; the output definition; the image,
command, arguments and environment variables; and the name of the pipeline.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as ir

from sandbox.vertex.pipelines.spec.values import artifacts_of, parameters_of


def cache_key(
    pipeline: str,
    component: ir.ComponentSpec,
    container: ir.PipelineDeploymentConfig.PipelineContainerSpec,
    inputs: Mapping[str, Any],
) -> str:
    """A key that is the same for tasks with the same result, and different for any others."""
    outputs = json_format.MessageToDict(component.output_definitions)
    for side in outputs.values():
        for definition in side.values():
            definition.pop("description", None)
    content = {
        "pipeline": pipeline,
        "parameters": parameters_of(inputs),
        "artifacts": {
            key: [artifact.name for artifact in artifacts]
            for key, artifacts in artifacts_of(inputs).items()
        },
        "outputs": outputs,
        "image": container.image,
        "command": list(container.command),
        "args": list(container.args),
        "env": sorted((variable.name, variable.value) for variable in container.env),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
