"""The objects that all services of one server share."""

from dataclasses import dataclass, field
from typing import Any

import proto

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.operations.lifecycle import Finish, Operations
from sandbox.vertex.store import Store


@dataclass(frozen=True)
class Durations:
    """The minimum durations of operations, in seconds."""

    deploy: float = 1.5
    undeploy: float = 0.5
    other: float = 0.2


@dataclass(frozen=True)
class Context:
    """Store, clock, names and operations of one server."""

    store: Store
    clock: Clock
    names: Names
    operations: Operations
    durations: Durations = field(default_factory=Durations)

    def start(
        self,
        target: str,
        metadata: proto.Message,
        finish: Finish,
        *,
        seconds: float | None = None,
        alone: bool = False,
    ) -> Any:
        """Start an operation without a slow part; `seconds` defaults to `durations.other`.

        See Operations.start.
        """
        if seconds is None:
            seconds = self.durations.other
        return self.operations.start(target, metadata, seconds, lambda: finish, alone=alone)
