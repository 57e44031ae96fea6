"""Operation messages: create, advance, end. Every change follows the tables in transitions.py."""

from datetime import datetime
from typing import Any

import proto
from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import status_pb2

from sandbox.vertex.http.errors import ApiError, Cancelled
from sandbox.vertex.operations.transitions import (
    DEPLOYMENT,
    OPERATION,
    OperationState,
    Stage,
    advance,
    stages,
)

Deploying = types.DeployModelOperationMetadata
"""The only metadata whose stage is set; the stages of private endpoints are not."""


def new_operation(name: str, metadata: proto.Message, now: datetime) -> Any:
    """A new operation with its metadata."""
    metadata.generic_metadata = types.GenericOperationMetadata(create_time=now, update_time=now)
    if isinstance(metadata, Deploying):
        metadata.deployment_stage = Stage.STARTING_DEPLOYMENT
    operation = operations_pb2.Operation(name=name)
    operation.metadata.Pack(type(metadata).pb(metadata))
    return operation


def advance_stage(operation: Any, elapsed: float, loaded: bool, due: datetime) -> Any:
    """Advance a deployment to its stage after the fraction `elapsed` of its duration until `due`.

    Returns the stage, or None for an operation without stages, which does not change.
    """
    metadata = metadata_of(operation)
    if not isinstance(metadata, Deploying):
        return None
    created: Any = metadata.generic_metadata.create_time
    for fraction, stage in stages(metadata.deployment_stage, elapsed, loaded):
        metadata.deployment_stage = advance(DEPLOYMENT, metadata.deployment_stage, stage)
        # The time of the stage, not the time of this call.
        metadata.generic_metadata.update_time = max(created, created + fraction * (due - created))
    operation.metadata.Pack(type(metadata).pb(metadata))
    return metadata.deployment_stage


def end(operation: Any, now: datetime, response: Any, error: ApiError | None) -> None:
    """End the operation with a response (None for Empty) or with an error.

    Raises InvalidTransition if it has ended already.
    """
    state = OperationState.SUCCEEDED
    if error is not None:
        cancelled = isinstance(error, Cancelled)
        state = OperationState.CANCELLED if cancelled else OperationState.FAILED
    advance(OPERATION, state_of(operation), state)
    metadata = metadata_of(operation)
    if isinstance(metadata, Deploying):
        metadata.deployment_stage = advance(
            DEPLOYMENT,
            metadata.deployment_stage,
            {
                OperationState.SUCCEEDED: Stage.SUCCESSFULLY_DEPLOYED,
                OperationState.FAILED: Stage.FAILED_TO_DEPLOY,
                OperationState.CANCELLED: Stage.DEPLOYMENT_TERMINATED,
            }[state],
        )
    # The clock may have been set back.
    created: Any = metadata.generic_metadata.create_time
    metadata.generic_metadata.update_time = max(now, created)
    operation.metadata.Pack(type(metadata).pb(metadata))
    operation.done = True
    if error is not None:
        operation.error.CopyFrom(status_pb2.Status(code=error.code, message=error.message))
    elif response is None:
        operation.response.Pack(empty_pb2.Empty())
    else:
        operation.response.Pack(type(response).pb(response))


def state_of(operation: Any) -> OperationState:
    """The state of the operation."""
    if not operation.done:
        return OperationState.RUNNING
    if not operation.HasField("error"):
        return OperationState.SUCCEEDED
    cancelled = operation.error.code == Cancelled.code
    return OperationState.CANCELLED if cancelled else OperationState.FAILED


def metadata_of(operation: Any) -> Any:
    """The unpacked metadata, which is a type of Vertex AI for every service."""
    kind: Any = getattr(types, operation.metadata.TypeName().rpartition(".")[2])
    message = kind()
    operation.metadata.Unpack(kind.pb(message))
    return message
