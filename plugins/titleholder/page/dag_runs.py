"""The present dag runs of a model, from Airflow's database, and what they wait for. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# Airflow's states of a task that holds no worker slot until something outside has happened.
WAITING_STATES = frozenset({"deferred", "up_for_reschedule", "awaiting_input"})
# Airflow's states of a task that starts as soon as there is a worker slot.
STARTING_STATES = frozenset({"scheduled", "queued", "restarting"})
AWAITED = {
    "check_freshness": "data",
    "submit_pipeline": "the pipeline",
    "wait_for_pipeline": "the pipeline",
    "submit_duel": "the duel",
    "wait_for_duel": "the duel",
    "approve": "an approval",
    "update_traffic": "an operation on the endpoint",
}

Condition = Literal["waits", "runs", "queued", "retries", "failed", "success"]
TONES: dict[Condition, str] = {
    "waits": "moved",
    "runs": "moved",
    "queued": "plain",
    "retries": "bad",
    "failed": "bad",
    "success": "good",
}
"""The colour of each condition on the page."""


@dataclass(frozen=True)
class Task:
    """A task instance: its state as Airflow names it, the beginning of its present attempt (aware;
    None before it), the number of that attempt, and the most attempts."""

    task_id: str
    state: str
    since: datetime | None
    attempt: int
    most_attempts: int


@dataclass(frozen=True)
class DagRun:
    """A dag run: its state as Airflow names it; `since` is the time (aware) of its end, else of its
    start, else when it was queued. `tasks` are those that have a state."""

    run_id: str
    state: str
    since: datetime | None
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True)
class DagState:
    """One DAG for one user: `runs` are the unfinished ones, and the one that finished last.
    `may_trigger`: Airflow permits this user to trigger it."""

    runs: tuple[DagRun, ...] = ()
    paused: bool = False
    may_trigger: bool = False


@dataclass(frozen=True)
class RunLine:
    """One run in words. `run` is `<dag id>/<run id>`, as an event names it; `text` says what it
    waits for, `since` since when (aware)."""

    run: str
    condition: Condition
    text: str
    since: datetime | None

    @property
    def tone(self) -> str:
        """The name of its colour."""
        return TONES[self.condition]

    @property
    def needs_approval(self) -> bool:
        """Whether a person is asked for an approval."""
        return self.condition == "waits" and self.text == f"waits for {AWAITED['approve']}"

    @property
    def trains(self) -> bool:
        """Whether it is an unfinished weekly run."""
        ended = self.condition in ("failed", "success")
        return not ended and self.run.partition("/")[0].endswith("__train")


def run_lines(model: str, dags: Mapping[str, DagState]) -> list[RunLine]:
    """The runs of the model's two DAGs: the unfinished ones, and of each DAG the one that finished
    last. `dags` is by DAG id."""
    return [
        line
        for dag_id in (f"{model}__train", f"{model}__rollout")
        for run in dags.get(dag_id, DagState()).runs
        for line in _lines(dag_id, run, dags[dag_id].paused)
    ]


def _lines(dag_id: str, run: DagRun, paused: bool) -> Iterator[RunLine]:
    name = f"{dag_id}/{run.run_id}"
    if run.state == "success":
        yield RunLine(name, "success", "succeeded", run.since)
    elif run.state == "failed":
        failed = [task.task_id for task in run.tasks if task.state == "failed"]
        where = f" in {', '.join(failed)}" if failed else ""
        yield RunLine(name, "failed", f"failed{where}", run.since)
    elif run.state == "queued":
        text = "is queued: the DAG is paused" if paused else "is queued"
        yield RunLine(name, "queued", text, run.since)
    else:
        unfinished = [found for task in run.tasks if (found := _task_line(name, task))]
        # Between two tasks, until the scheduler's next look.
        yield from unfinished or [RunLine(name, "runs", "runs", run.since)]


def _task_line(run: str, task: Task) -> RunLine | None:
    """The task in words; None for one that has ended."""
    polls = task.task_id.startswith("wait_for_") and task.state in STARTING_STATES | {"running"}
    if task.state in WAITING_STATES or polls:
        awaited = AWAITED.get(task.task_id, task.task_id)
        return RunLine(run, "waits", f"waits for {awaited}", task.since)
    if task.state == "running":
        return RunLine(run, "runs", f"runs {task.task_id}", task.since)
    if task.state == "up_for_retry":
        following = f"attempt {task.attempt + 1} of {task.most_attempts} follows"
        return RunLine(run, "retries", f"{task.task_id} failed, {following}", task.since)
    if task.state in STARTING_STATES:
        return RunLine(run, "queued", f"starts {task.task_id}", task.since)
    return None
