"""When a task is the same as an earlier one. No I/O.

https://cloud.google.com/vertex-ai/docs/pipelines/configure-caching names what counts: the values of
input parameters and the ids of input artifacts; the output definition; the image, command,
arguments and environment variables; and the pipeline's name.
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
    """Equal for two tasks of which the second need not run, and different for any others."""
    outputs = json_format.MessageToDict(component.output_definitions)
    for side in outputs.values():
        for definition in side.values():
            definition.pop("description", None)
    what = {
        "pipeline": pipeline,
        "parameters": parameters_of(inputs),
        "artifacts": {
            key: [one.name for one in many] for key, many in artifacts_of(inputs).items()
        },
        "outputs": outputs,
        "image": container.image,
        "command": list(container.command),
        "args": list(container.args),
        "env": sorted((one.name, one.value) for one in container.env),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
