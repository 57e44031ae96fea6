"""The section `endpoint`: the endpoint, and the machines of the models that are deployed to it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from titleholder.config.messages import FieldError
from titleholder.config.types import DisplayName, MachineType, ProjectId, Section

# google/cloud/aiplatform/v1/machine_resources.proto: the target of a metric that is not set.
DEFAULT_UTILIZATION = 60
_MOST = 2**31 - 1  # an int32 in Vertex AI's messages


class EndpointType(StrEnum):
    """How applications reach an endpoint; Vertex AI fixes it when the endpoint is created."""

    SHARED = "shared"
    DEDICATED = "dedicated"
    PRIVATE = "private"


@dataclass(frozen=True)
class Resources:
    """The machine settings of a deployed model.

    `accelerator` is its type and count, `autoscaling` a metric's key in the YAML file to its
    target, sorted, without targets that are Vertex AI's default. `service_account` is "" for
    Vertex AI's own.
    """

    machine_type: str
    accelerator: tuple[str, int] | None = None
    min_replicas: int = 1
    max_replicas: int = 1
    autoscaling: tuple[tuple[str, int], ...] = ()
    service_account: str = ""


class Autoscaling(Section):
    """The targets by which Vertex AI changes the number of replicas."""

    cpu_utilization: int | None = Field(
        None, ge=1, le=100, description="per cent of the CPUs in use; 60 if it is left out"
    )
    accelerator_duty_cycle: int | None = Field(
        None, ge=1, le=100, description="per cent of the time in which the accelerators are in use"
    )
    request_count: int | None = Field(
        None,
        ge=1,
        le=_MOST,
        description="requests per minute and replica, instead of a utilization",
    )

    @model_validator(mode="after")
    def _any(self) -> "Autoscaling":
        if not self.model_dump(exclude_none=True):
            raise FieldError("has no target; write cpu_utilization, or leave the section out")
        return self


class Accelerator(Section):
    """The accelerators of each replica."""

    # AcceleratorType in google/cloud/aiplatform/v1/accelerator_type.proto; TPUs are machine types.
    type: Literal[
        "NVIDIA_TESLA_P100",
        "NVIDIA_TESLA_V100",
        "NVIDIA_TESLA_P4",
        "NVIDIA_TESLA_T4",
        "NVIDIA_TESLA_A100",
        "NVIDIA_A100_80GB",
        "NVIDIA_L4",
        "NVIDIA_H100_80GB",
        "NVIDIA_H100_MEGA_80GB",
        "NVIDIA_H200_141GB",
        "NVIDIA_B200",
        "NVIDIA_GB200",
        "NVIDIA_RTX_PRO_6000",
    ] = Field(description="Vertex AI's name of the accelerator; the machine type must offer it")
    count: int = Field(1, ge=1, le=_MOST, description="of each replica")


class PrivateServiceConnect(Section):
    """An endpoint without a public address."""

    projects: list[ProjectId] = Field(
        description="the projects whose forwarding rules may reach the endpoint"
    )

    @model_validator(mode="after")
    def _any(self) -> "PrivateServiceConnect":
        if not self.projects:
            raise FieldError("has no projects, so that nothing can call the endpoint; write one")
        return self


class Endpoint(Section):
    """The Vertex AI endpoint that serves the model.

    It is reached at the region's address (shared), at an address of its own (dedicated), or only
    from the networks of some projects (private).
    """

    display_name: DisplayName = Field(
        description="the endpoint's name; exactly one may have it, and it belongs to one model: "
        "the first write sets its label `titleholder-model`, and another model is refused, "
        "whatever connection it uses"
    )
    create: bool = Field(
        False, description="create the endpoint if it is missing, with the model's name as its id"
    )
    dedicated: bool = Field(
        False,
        description="create it with an address of its own: larger and longer requests, no quota "
        "(docs/how-to/composer.md). The type of an existing endpoint cannot be changed",
    )
    private_service_connect: PrivateServiceConnect | None = Field(
        None, description="create it without a public address; not together with `dedicated`"
    )
    machine_type: MachineType = Field("n1-standard-4", description="of each replica")
    accelerator: Accelerator | None = Field(None, description="the accelerators of each replica")
    min_replicas: int = Field(
        1, ge=1, le=_MOST, description="replicas of each deployed model, at least"
    )
    max_replicas: int | None = Field(
        None,
        ge=1,
        le=_MOST,
        description="replicas of each deployed model, at most; by default min_replicas",
    )
    autoscaling: Autoscaling | None = Field(
        None, description="the targets of autoscaling between min_replicas and max_replicas"
    )
    service_account: str | None = Field(
        None, description="the account that the deployed models run as"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Endpoint":
        if self.dedicated and self.private_service_connect:
            raise FieldError("has dedicated and private_service_connect; remove one of them")
        most = self.max_replicas or self.min_replicas
        if most < self.min_replicas:
            raise FieldError(
                f"has max_replicas {most} below min_replicas {self.min_replicas}; write at least "
                f"{self.min_replicas}"
            )
        if self.autoscaling is None:
            return self
        if most == self.min_replicas:
            raise FieldError(
                f"has autoscaling and as many max_replicas as min_replicas, {most}; write more "
                "max_replicas, or leave autoscaling out"
            )
        if self.autoscaling.accelerator_duty_cycle and not self.accelerator:
            raise FieldError(
                "has autoscaling by accelerator_duty_cycle and no accelerator; write accelerator, "
                "or cpu_utilization instead"
            )
        return self

    @property
    def type(self) -> EndpointType:
        """The type that the endpoint has to have."""
        if self.private_service_connect:
            return EndpointType.PRIVATE
        return EndpointType.DEDICATED if self.dedicated else EndpointType.SHARED

    @property
    def resources(self) -> Resources:
        """The machine settings of the models that are deployed."""
        targets = self.autoscaling.model_dump(exclude_none=True) if self.autoscaling else {}
        return Resources(
            self.machine_type,
            (self.accelerator.type, self.accelerator.count) if self.accelerator else None,
            self.min_replicas,
            self.max_replicas or self.min_replicas,
            autoscaling_targets(targets),
            self.service_account or "",
        )


def autoscaling_targets(targets: dict[str, int]) -> tuple[tuple[str, int], ...]:
    """`Resources.autoscaling` of these targets."""
    default = {
        "cpu_utilization": DEFAULT_UTILIZATION,
        "accelerator_duty_cycle": DEFAULT_UTILIZATION,
    }
    return tuple(sorted(pair for pair in targets.items() if pair not in default.items()))
