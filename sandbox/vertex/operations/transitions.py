"""The states of operations and of deployments, and which may follow which. No I/O.

    operation    RUNNING ──> SUCCEEDED | FAILED | CANCELLED

    deployment   STARTING_DEPLOYMENT ──> PREPARING_MODEL ──> CREATING_SERVING_CLUSTER
                 ──> ADDING_NODES_TO_CLUSTER ──> GETTING_CONTAINER_IMAGE
                 ──> STARTING_MODEL_SERVER ──> FINISHING_UP ──> SUCCESSFULLY_DEPLOYED;
                 from each of them FAILED_TO_DEPLOY, or DEPLOYMENT_TERMINATED when cancelled

The stages are those of google/cloud/aiplatform/v1/deployment_stage.proto. How long each takes is
not documented: the shares below are the sandbox's own.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import pairwise
from typing import Any, Final, TypeVar

from google.cloud.aiplatform_v1.types import DeploymentStage

Stage: Any = DeploymentStage
"""Typed so because its members are not typed as its own."""


class OperationState(Enum):
    """What google.longrunning.Operation says with done, error and response."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


S = TypeVar("S", bound=Enum)
Transitions = Mapping[S, frozenset[S]]

OPERATION: Final[Transitions[OperationState]] = {
    OperationState.RUNNING: frozenset(set(OperationState) - {OperationState.RUNNING}),
    OperationState.SUCCEEDED: frozenset(),
    OperationState.FAILED: frozenset(),
    OperationState.CANCELLED: frozenset(),
}

# From which share of a deployment's time on it is in that stage.
_PROGRESS: Final = (
    (0.0, Stage.STARTING_DEPLOYMENT),
    (0.05, Stage.PREPARING_MODEL),
    (0.15, Stage.CREATING_SERVING_CLUSTER),
    (0.4, Stage.ADDING_NODES_TO_CLUSTER),
    (0.6, Stage.GETTING_CONTAINER_IMAGE),
    (0.75, Stage.STARTING_MODEL_SERVER),
    (0.95, Stage.FINISHING_UP),
)
_FAILURES: Final = frozenset({Stage.FAILED_TO_DEPLOY, Stage.DEPLOYMENT_TERMINATED})

DEPLOYMENT: Final[Transitions[Any]] = {
    **{one: frozenset({following, *_FAILURES}) for (_, one), (_, following) in pairwise(_PROGRESS)},
    Stage.FINISHING_UP: frozenset({Stage.SUCCESSFULLY_DEPLOYED, *_FAILURES}),
    Stage.SUCCESSFULLY_DEPLOYED: frozenset(),
    Stage.FAILED_TO_DEPLOY: frozenset(),
    Stage.DEPLOYMENT_TERMINATED: frozenset(),
}


class InvalidTransition(Exception):
    """A fault of the sandbox: it wanted a state that cannot follow the one there is."""


def advance(table: Transitions[S], now: S, to: S) -> S:
    """`to`, if the table lets it follow `now`; raises InvalidTransition, saying what may."""
    allowed = table.get(now, frozenset())
    if to not in allowed:
        following = ", ".join(sorted(one.name for one in allowed))
        raise InvalidTransition(
            f"{now.name} cannot become {to.name}; "
            + (f"it may become {following}." if following else "it is final.")
        )
    return to


def stages(after: Any, elapsed: float, loaded: bool) -> list[tuple[float, Any]]:
    """The stages that a deployment has entered since `after`, each with the share of its time.

    `elapsed` is the share of the time that is over. A model server that is not `loaded` has not
    started: stages(GETTING_CONTAINER_IMAGE, 1.0, False) is [(0.75, STARTING_MODEL_SERVER)].
    """
    order = [stage for _, stage in _PROGRESS]
    return [
        (share, stage)
        for share, stage in _PROGRESS[order.index(after) + 1 :]
        if share <= elapsed and (loaded or stage != Stage.FINISHING_UP)
    ]
