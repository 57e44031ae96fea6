"""The present dag runs of a model, from Airflow's database, and what they wait for. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from titleholder.config.model import ModelConfig
from titleholder.data_intervals import Interval
from titleholder.errors import InvalidRequest
from titleholder.naming import interval_of

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
    "submit_watch": "the measurement of the champion",
    "wait_for_watch": "the measurement of the champion",
    "undo_promotion": "an operation on the endpoint",
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
    start, else when it was queued. `tasks` are those that have a state, `jobs` the pipeline jobs
    that were submitted, by the task that did, `conf` the run's parameters. The other times (aware)
    are Airflow's."""

    run_id: str
    state: str
    since: datetime | None
    tasks: tuple[Task, ...] = ()
    jobs: Mapping[str, str] = field(default_factory=dict)
    run_after: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: Mapping[str, Any] | None = None


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
    waits for, `since` since when, `until` how long at most (aware; None if not known), and `job` is
    the pipeline job that it waits for, if any. `waiting` is the id of the task that waits, if one
    does; `interval` is what a weekly run trains on."""

    run: str
    condition: Condition
    text: str
    since: datetime | None
    until: datetime | None = None
    job: str = ""
    waiting: str = ""
    interval: Interval | None = None

    @property
    def tone(self) -> str:
        """The name of its colour."""
        return TONES[self.condition]

    @property
    def needs_approval(self) -> bool:
        """Whether a person is asked for an approval."""
        return self.waiting == "approve"

    @property
    def trains(self) -> bool:
        """Whether it is an unfinished weekly run."""
        ended = self.condition in ("failed", "success")
        return not ended and self.run.partition("/")[0].endswith("__train")


def run_lines(
    model: str, dags: Mapping[str, DagState], config: ModelConfig | None = None
) -> list[RunLine]:
    """The runs of the model's two DAGs: the unfinished ones, and of each DAG the one that finished
    last. `dags` is by DAG id. Without `config` no line has an interval and an end of its wait."""
    return [
        _of_interval(line, run, config) if config is not None else line
        for dag_id in (f"{model}__train", f"{model}__rollout")
        for run in dags.get(dag_id, DagState()).runs
        for line in _lines(dag_id, run, dags[dag_id].paused)
    ]


def overdue_text(overdue: Interval, lines: Sequence[RunLine] | None) -> str:
    """What became of the run on an interval that has no event yet. `lines` are the model's; None if
    its runs are not known."""
    ended = f"The interval {overdue} has ended"
    if lines is None:
        return f"{ended} and no event has followed yet: Airflow shows what became of its run."
    line = next((line for line in lines if line.interval == overdue), None)
    if line is None:
        return f"{ended} and no event has followed: no run of it is unfinished."
    if line.condition == "success":
        return f"{ended}. Its run deployed nothing; its last task's log says why."
    text = line.text
    if line.condition == "waits" and line.since is not None:
        text += f" since {line.since:%Y-%m-%d %H:%M} UTC"
    elif line.condition == "runs":
        text = text.replace("runs", "is running", 1)
    elif line.condition == "retries":
        text = f"goes on: {text}"
    return f"{ended}. Its run {text}."


def _of_interval(line: RunLine, run: DagRun, config: ModelConfig) -> RunLine:
    """The line of a weekly run with its interval; any other as it is."""
    if run.run_after is None or line.run.partition("/")[0] != f"{config.model}__train":
        return line
    try:
        interval = interval_of(run, config.schedule.cron)
    except InvalidRequest:
        # The run fails, and says why.
        return line
    for_data = line.waiting == "check_freshness"
    until = interval.end + config.source.freshness.timeout if for_data else None
    return replace(line, interval=interval, until=until)


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
        unfinished = [found for task in run.tasks if (found := _task_line(name, task, run.jobs))]
        # Between two tasks, until the scheduler's next look.
        yield from unfinished or [RunLine(name, "runs", "runs", run.since)]


def _task_line(run: str, task: Task, jobs: Mapping[str, str]) -> RunLine | None:
    """The task in words; None for one that has ended."""
    polls = task.task_id.startswith("wait_for_") and task.state in STARTING_STATES | {"running"}
    if task.state in WAITING_STATES or polls:
        awaited = AWAITED.get(task.task_id, task.task_id)
        job = jobs.get(task.task_id.replace("wait_for_", "submit_"), "")
        text = f"waits for {awaited}"
        return RunLine(run, "waits", text, task.since, job=job, waiting=task.task_id)
    if task.state == "running":
        return RunLine(run, "runs", f"runs {task.task_id}", task.since)
    if task.state == "up_for_retry":
        following = f"attempt {task.attempt + 1} of {task.most_attempts} follows"
        return RunLine(run, "retries", f"{task.task_id} failed, {following}", task.since)
    if task.state in STARTING_STATES:
        return RunLine(run, "queued", f"starts {task.task_id}", task.since)
    return None
