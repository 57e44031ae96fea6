"""What the server gives to a runner: one JSON file in the job's folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.vertex.pipelines.spec.values import Artifact

FILE = "job.json"


@dataclass(frozen=True)
class Job:
    """A pipeline job, checked and ready to run."""

    name: str
    uid: int
    spec: dict[str, Any]
    parameters: dict[str, Any]
    artifacts: dict[str, Artifact]
    root: str
    create_time: str
    fail_fast: bool
    labels: dict[str, str]
    failing: list[str] = field(default_factory=list)
    """The tasks that a test wants to fail."""

    @property
    def project(self) -> str:
        """The project's id."""
        return self.name.split("/")[1]

    @property
    def location(self) -> str:
        """The location's id."""
        return self.name.split("/")[3]

    @property
    def id(self) -> str:
        """The job's own id, the last part of its name."""
        return self.name.split("/")[5]

    def write(self, folder: Path) -> None:
        """Put it where `read` finds it."""
        (folder / FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> "Job":
        """The job of that folder."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        content["artifacts"] = {key: Artifact(**one) for key, one in content["artifacts"].items()}
        return Job(**content)
