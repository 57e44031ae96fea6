"""The states of operations and deployments, and their allowed transitions. No I/O.

    operation    RUNNING ──> SUCCEEDED | FAILED | CANCELLED

    deployment   STARTING_DEPLOYMENT ──> PREPARING_MODEL ──> CREATING_SERVING_CLUSTER
                 ──> ADDING_NODES_TO_CLUSTER ──> GETTING_CONTAINER_IMAGE
                 ──> STARTING_MODEL_SERVER ──> FINISHING_UP ──> SUCCESSFULLY_DEPLOYED;
                 from each of them FAILED_TO_DEPLOY, or DEPLOYMENT_TERMINATED when cancelled

The stages are those of google/cloud/aiplatform/v1/deployment_stage.proto. Their durations are not
documented: the fractions below are the sandbox's own.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import pairwise
from typing import Any, Final, TypeVar

from google.cloud.aiplatform_v1.types import DeploymentStage

Stage: Any = DeploymentStage
"""Any, because the members of proto-plus enums are typed as int."""


class OperationState(Enum):
    """The state that done, error and response of google.longrunning.Operation express."""

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

# The fraction of a deployment's duration after which it enters a stage.
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
    **{stage: frozenset({after, *_FAILURES}) for (_, stage), (_, after) in pairwise(_PROGRESS)},
    Stage.FINISHING_UP: frozenset({Stage.SUCCESSFULLY_DEPLOYED, *_FAILURES}),
    Stage.SUCCESSFULLY_DEPLOYED: frozenset(),
    Stage.FAILED_TO_DEPLOY: frozenset(),
    Stage.DEPLOYMENT_TERMINATED: frozenset(),
}


class InvalidTransition(Exception):
    """A bug in the sandbox: a state that must not follow the current one."""


def advance(table: Transitions[S], now: S, to: S) -> S:
    """Return `to`; raises InvalidTransition if it must not follow `now`."""
    allowed = table.get(now, frozenset())
    if to not in allowed:
        following = ", ".join(sorted(state.name for state in allowed))
        raise InvalidTransition(
            f"{now.name} cannot become {to.name}; "
            + (f"it may become {following}." if following else "it is final.")
        )
    return to


def stages(after: Any, elapsed: float, loaded: bool) -> list[tuple[float, Any]]:
    """The stages that a deployment has entered since `after`, each with its fraction of the time.

    `elapsed` is the fraction of the duration that is over. FINISHING_UP needs a `loaded` model:
    stages(GETTING_CONTAINER_IMAGE, 1.0, False) is [(0.75, STARTING_MODEL_SERVER)].
    """
    order = [stage for _, stage in _PROGRESS]
    return [
        (fraction, stage)
        for fraction, stage in _PROGRESS[order.index(after) + 1 :]
        if fraction <= elapsed and (loaded or stage != Stage.FINISHING_UP)
    ]
