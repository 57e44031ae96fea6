"""Operations as messages: begun, moved on, ended; every change by the tables of `transitions`."""

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
"""Others have a stage as well (of a private endpoint), which is never set here."""


def begun(name: str, metadata: proto.Message, now: datetime) -> Any:
    """A new operation, with its metadata packed."""
    metadata.generic_metadata = types.GenericOperationMetadata(create_time=now, update_time=now)
    if isinstance(metadata, Deploying):
        metadata.deployment_stage = Stage.STARTING_DEPLOYMENT
    operation = operations_pb2.Operation(name=name)
    operation.metadata.Pack(type(metadata).pb(metadata))
    return operation


def move_on(operation: Any, elapsed: float, loaded: bool, due: datetime) -> Any:
    """The stage that a deployment is in when this share of its time until `due` is over.

    It is None for operations that have no stages, which are left as they are.
    """
    metadata = metadata_of(operation)
    if not isinstance(metadata, Deploying):
        return None
    begin: Any = metadata.generic_metadata.create_time
    for share, stage in stages(metadata.deployment_stage, elapsed, loaded):
        metadata.deployment_stage = advance(DEPLOYMENT, metadata.deployment_stage, stage)
        # When that was, whenever somebody looks.
        metadata.generic_metadata.update_time = max(begin, begin + share * (due - begin))
    operation.metadata.Pack(type(metadata).pb(metadata))
    return metadata.deployment_stage


def end(operation: Any, now: datetime, response: Any, error: ApiError | None) -> None:
    """The operation is over, with a response (None for Empty) or with an error.

    Raises InvalidTransition when it was over already.
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
    begun: Any = metadata.generic_metadata.create_time
    metadata.generic_metadata.update_time = max(now, begun)
    operation.metadata.Pack(type(metadata).pb(metadata))
    operation.done = True
    if error is not None:
        operation.error.CopyFrom(status_pb2.Status(code=error.code, message=error.message))
    elif response is None:
        operation.response.Pack(empty_pb2.Empty())
    else:
        operation.response.Pack(type(response).pb(response))


def state_of(operation: Any) -> OperationState:
    """Which of the states the message is in."""
    if not operation.done:
        return OperationState.RUNNING
    if not operation.HasField("error"):
        return OperationState.SUCCEEDED
    cancelled = operation.error.code == Cancelled.code
    return OperationState.CANCELLED if cancelled else OperationState.FAILED


def metadata_of(operation: Any) -> Any:
    """The metadata, unpacked: every service's is a type of Vertex AI's."""
    kind: Any = getattr(types, operation.metadata.TypeName().rpartition(".")[2])
    message = kind()
    operation.metadata.Unpack(kind.pb(message))
    return message
