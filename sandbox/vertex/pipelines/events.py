"""What a runner tells the server: one JSON object a line, oldest first.

Events carry no times: the server's clock stamps them on arrival.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.vertex.pipelines.values import Artifact, artifacts_of, parameters_of


@dataclass(frozen=True)
class Problem:
    """A google.rpc.Status."""

    code: int
    message: str


@dataclass(frozen=True)
class TaskEvent:
    """All that is known of a task now; `state` is a name of PipelineTaskDetail.State."""

    task_id: int
    parent_task_id: int
    name: str
    unique_name: str
    kind: str
    state: str
    jobs: list[str] = field(default_factory=list)
    input_parameters: dict[str, Any] = field(default_factory=dict)
    output_parameters: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, list[Artifact]] = field(default_factory=dict)
    outputs: dict[str, list[Artifact]] = field(default_factory=dict)
    error: Problem | None = None

    def with_inputs(self, values: Mapping[str, Any]) -> "TaskEvent":
        """The same task, now that its inputs are known."""
        return replace(self, inputs=artifacts_of(values), input_parameters=parameters_of(values))


@dataclass(frozen=True)
class RunEvent:
    """The run is over; no error means that it succeeded."""

    error: Problem | None = None


def to_line(event: TaskEvent | RunEvent) -> str:
    """The event as one line, without its newline."""
    return json.dumps({"event": type(event).__name__, **asdict(event)})


def from_line(line: str) -> TaskEvent | RunEvent:
    """The event of one line. Raises ValueError for a line that is none."""
    content = json.loads(line)
    kind = content.pop("event", None)
    if content.get("error"):
        content["error"] = Problem(**content["error"])
    if kind == "RunEvent":
        return RunEvent(**content)
    if kind != "TaskEvent":
        raise ValueError(f"not an event of a runner: {line!r}")
    for side in ("inputs", "outputs"):
        content[side] = {
            key: [Artifact(**one) for one in many] for key, many in content[side].items()
        }
    return TaskEvent(**content)
