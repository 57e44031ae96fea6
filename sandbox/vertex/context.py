"""What every resource of the local Vertex AI works with."""

from dataclasses import dataclass, field

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.operations.lifecycle import Operations
from sandbox.vertex.store import Store


@dataclass(frozen=True)
class Durations:
    """How long operations take at least, in seconds."""

    deploy: float = 1.5
    undeploy: float = 0.5
    other: float = 0.2


@dataclass(frozen=True)
class Context:
    """The parts shared by all resources of one server."""

    store: Store
    clock: Clock
    names: Names
    operations: Operations
    durations: Durations = field(default_factory=Durations)
