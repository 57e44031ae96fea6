"""The input of a runner: one JSON file in the folder of the job."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.vertex.pipelines.spec.values import Artifact

FILE = "job.json"
# File systems allow 255 bytes; the suffixes are shorter than the difference.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Job:
    """A checked pipeline job."""

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
    """The names of tasks that fail on request of a test."""

    @property
    def project(self) -> str:
        """The id of the project."""
        return self.name.split("/")[1]

    @property
    def location(self) -> str:
        """The id of the location."""
        return self.name.split("/")[3]

    @property
    def id(self) -> str:
        """The id of the job, the last part of its name."""
        return self.name.split("/")[5]

    def facts(self, task: str, task_id: int) -> dict[str, str]:
        """The values of JOB_PLACEHOLDERS for a task of that key."""
        return {
            "$.pipeline_job_name": self.id,
            "$.pipeline_job_resource_name": self.name,
            "$.pipeline_job_uuid": str(self.uid),
            "$.pipeline_job_create_time_utc": self.create_time,
            "$.pipeline_job_schedule_time_utc": self.create_time,
            "$.pipeline_root": self.root,
            "$.pipeline_task_name": task,
            "$.pipeline_task_uuid": str(task_id),
        }

    def write(self, folder: Path) -> None:
        """Write the file that `read` reads."""
        (folder / FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> "Job":
        """Read the job of a folder."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        content["artifacts"] = {key: Artifact(**one) for key, one in content["artifacts"].items()}
        return Job(**content)


def file_name(task: str) -> str:
    """A file name for the unique name of a task, which may be too long for one."""
    name = task.encode()
    if len(name) <= _LONGEST_NAME:
        return task
    start = name[: _LONGEST_NAME - 17].decode("utf-8", "ignore")
    return f"{start}-{hashlib.sha256(name).hexdigest()[:16]}"


def log_name(task: str) -> str:
    """The file name of the log of a task, by its unique name."""
    return f"{file_name(task)}.log"
