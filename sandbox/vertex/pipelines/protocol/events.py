"""Events and questions of a runner: one JSON object per line, oldest first.

Events have no times: the server uses its clock when they arrive.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.vertex.pipelines.spec.values import Artifact, artifacts_of, parameters_of


@dataclass(frozen=True)
class Problem:
    """A google.rpc.Status."""

    code: int
    message: str


@dataclass(frozen=True)
class TaskEvent:
    """The current state of a task; `state` is a name of PipelineTaskDetail.State.

    A successful task that can be cached has its `cache_key`, and in `stored` the URIs of its
    outputs at which objects exist.
    """

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
    cache_key: str = ""
    stored: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The name of the task in its graph, the last part of the unique name."""
        return self.unique_name.rpartition(".")[2]

    def with_inputs(self, values: Mapping[str, Any]) -> "TaskEvent":
        """The same event with the inputs of the task."""
        return replace(self, inputs=artifacts_of(values), input_parameters=parameters_of(values))


@dataclass(frozen=True)
class RunEvent:
    """The run has ended; without an error it succeeded."""

    error: Problem | None = None


@dataclass(frozen=True)
class SlotReleased:
    """A component that got a slot by a question of kind SLOT has ended."""


SLOT = "slot"
"""The kind of the question that is answered, with null, when a component can start."""


@dataclass(frozen=True)
class Question:
    """A question to the server, which answers with `answer_line` and the same number."""

    number: int
    kind: str
    about: dict[str, Any]


Event = TaskEvent | RunEvent | SlotReleased | Question


def to_line(event: Event) -> str:
    """The event as one line without a newline."""
    return json.dumps({"event": type(event).__name__, **asdict(event)})


def from_line(line: str) -> Event:
    """The event of a line. Raises ValueError for an invalid line."""
    content = json.loads(line)
    kind = content.pop("event", None)
    if content.get("error"):
        content["error"] = Problem(**content["error"])
    if kind == "RunEvent":
        return RunEvent(**content)
    if kind == "SlotReleased":
        return SlotReleased()
    if kind == "Question":
        return Question(**content)
    if kind != "TaskEvent":
        raise ValueError(f"not an event of a runner: {line!r}")
    for side in ("inputs", "outputs"):
        content[side] = artifacts_from(content[side])
    return TaskEvent(**content)


def artifacts_from(content: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[Artifact]]:
    """Artifacts by key, from their JSON."""
    return {key: [Artifact(**one) for one in many] for key, many in content.items()}


def answer_line(question: Question, answer: Any) -> str:
    """The answer as one line without a newline."""
    return json.dumps({"number": question.number, "answer": answer})
