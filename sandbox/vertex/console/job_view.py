"""The tasks of a pipeline job in the order of their groups, and their logs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.vertex.console.log_file import end_of_log
from sandbox.vertex.pipelines.protocol.job import log_name


@dataclass(frozen=True)
class TaskRow:
    """A task or a group of tasks, `depth` groups below the job; `custom_jobs` are the ids of its
    attempts, the last one first, and `results` its output parameters."""

    task_id: str
    name: str
    unique_name: str
    depth: int
    state: str
    start_time: datetime | None
    end_time: datetime | None
    error: str
    custom_jobs: tuple[str, ...]
    results: dict[str, Any]


def task_rows(job: Any) -> list[TaskRow]:
    """The tasks of a job: each group, then the tasks in it. The job's own entry is left out."""
    details = list(job.job_detail.task_details)
    known = {detail.task_id for detail in details}
    roots = [detail for detail in details if detail.parent_task_id not in known]
    return [row for root in roots for row in _below(root.task_id, details, 0)]


def log_text(folder: Path, row: TaskRow) -> str:
    """The log of a task in the folder of its job, with all its attempts; of a long log the end. ""
    if there is none."""
    return end_of_log(folder / log_name(row.unique_name))


def plain(message: Any) -> dict[str, Any]:
    """The message as the JSON of the API."""
    found: dict[str, Any] = type(message).to_dict(message, preserving_proto_field_name=False)
    return found


def _below(parent: int, details: list[Any], depth: int) -> Iterator[TaskRow]:
    for detail in details:
        if detail.parent_task_id == parent:
            yield _row(detail, depth)
            yield from _below(detail.task_id, details, depth + 1)


def _row(detail: Any, depth: int) -> TaskRow:
    container = detail.executor_detail.container_detail
    attempts = [container.main_job, *reversed(container.failed_main_jobs)]
    metadata = plain(detail.execution).get("metadata") or {} if detail.execution else {}
    prefix = "output:"
    return TaskRow(
        task_id=str(detail.task_id),
        name=detail.task_name,
        unique_name=detail.task_unique_name,
        depth=depth,
        state=detail.state.name,
        start_time=detail.start_time,
        end_time=detail.end_time,
        error=detail.error.message,
        custom_jobs=tuple(name.rsplit("/", 1)[-1] for name in attempts if name),
        results={
            key.removeprefix(prefix): value
            for key, value in metadata.items()
            if key.startswith(prefix)
        },
    )
