"""Many runs at once: a backfill of 52 weeks, and 20 models in one night."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psutil

from sandbox.example import linnerud
from tests.bench.airflow_bench import AirflowBench, airflow_bench
from tests.bench.alternatives.imports import ALTERNATIVES
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from tests.dags.real_airflow.client import WEEK

ENDED = ("success", "failed")


@dataclass(frozen=True)
class Work:
    """What a number of runs took: seconds by the clock, and those of processor of Airflow's and of
    the sandbox's processes."""

    what: str
    runs: int
    seconds: float
    airflow: float
    sandbox: float

    @property
    def cores(self) -> float:
        """How many were busy."""
        return (self.airflow + self.sandbox) / self.seconds

    @property
    def a_run(self) -> float:
        """Seconds by the clock."""
        return self.seconds / self.runs


def measure(options: Options) -> Table:
    """Runs one after the other, then several at once."""
    weeks, models, singly = (6, 4, 2) if options.quick else (52, 20, 4)
    first = WEEK.start - timedelta(weeks=1)
    earlier = first - timedelta(weeks=weeks)

    def backfill(dag_id: str, newest: datetime, count: int, at_once: int) -> Callable[[], None]:
        oldest = newest - timedelta(weeks=count - 1)
        return lambda: _backfill(bench, dag_id, oldest, count, at_once)

    empty = (ALTERNATIVES / "empty_dag.py").read_text()
    with airflow_bench(options.home, empty=empty) as bench:
        table = f"{bench.sandbox.project}.bench.measurements"
        with bench.sandbox.bigquery() as client:
            linnerud.load(client, WEEK.end, table, weeks + singly + 2)
        tiny, example = bench.model("tiny", weeks + singly + 2), bench.example("example")
        bench.airflow.start("empty")
        _empty(bench, 1)
        for dag_id in (tiny, example):
            bench.airflow.run(dag_id)
        several, all_of_them = f"{singly} weeks, one by one", f"{weeks} weeks, four at once"
        rows = [
            _timed(
                bench, f"four empty tasks, {singly} times", singly, lambda: _empty(bench, singly)
            ),
            _timed(bench, f"{several}, nothing trained", singly, backfill(tiny, first, singly, 1)),
            _timed(bench, several, singly, backfill(example, earlier, singly, 1)),
            _timed(bench, all_of_them, weeks, backfill(example, first, weeks, 4)),
            _timed(
                bench,
                f"{models} models in one night",
                models,
                lambda: _night(bench, [f"night{number:02}" for number in range(models)]),
            ),
        ]
    empty_tasks, nothing, one, many, night = rows
    cores = f"cores busy, of {psutil.cpu_count()}, in the"
    return Table(
        "Many runs at once",
        (
            *("", "s", "s a run", "cores busy", "times as fast as one by one"),
            *("cpu s a run: Airflow", "sandbox"),
        ),
        [
            (
                row.what,
                f"{row.seconds:.0f}",
                f"{row.a_run:.1f}",
                f"{row.cores:.2f}",
                "-" if row in (empty_tasks, nothing) else f"{one.a_run / row.a_run:.2f}",
                f"{row.airflow / row.runs:.1f}",
                f"{row.sandbox / row.runs:.1f}",
            )
            for row in rows
        ],
        [
            Bar(f"{cores} backfill", many.cores, 1.6, "", True),
            Bar(f"{cores} night", night.cores, 1.6, "", True),
        ],
        [
            "Counted are all processes of Airflow and of the sandbox, which trains. What a run "
            "costs Airflow beyond four empty tasks is the product's own; nearly all of it is the "
            "import of the provider's hook and of Google's clients, which each task does anew: "
            "the first table has what they take."
        ],
    )


def _timed(bench: AirflowBench, what: str, runs: int, work: Callable[[], None]) -> Work:
    begin, airflow, sandbox = time.monotonic(), *_cpu(bench)
    work()
    seconds, (airflow_then, sandbox_then) = time.monotonic() - begin, _cpu(bench)
    return Work(what, runs, seconds, airflow_then - airflow, sandbox_then - sandbox)


def _cpu(bench: AirflowBench) -> tuple[float, float]:
    """The seconds of processor that Airflow and the sandbox have used: those of processes that are
    over count with the parents that waited for them."""
    airflow, sandbox = 0.0, 0.0
    for part in bench.sandbox.services():
        process = psutil.Process(bench.sandbox.pid(part))
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used = sum(one.cpu_times()[:4])  # user and system, its own and its children's
                if part.startswith("airflow"):
                    airflow += used
                else:
                    sandbox += used
    return airflow, sandbox


def _empty(bench: AirflowBench, times: int) -> None:
    for _ in range(times):
        bench.ended("empty", bench.trigger("empty"))


def _backfill(bench: AirflowBench, dag_id: str, first: datetime, weeks: int, at_once: int) -> None:
    """Those weeks of the DAG; raises RuntimeError when one fails."""
    body = {
        "dag_id": dag_id,
        "from_date": first.isoformat(),
        "to_date": (first + timedelta(weeks=weeks - 1)).isoformat(),
        "max_active_runs": at_once,
        "dag_run_conf": {},
    }
    known = _ended(bench, dag_id)
    # Airflow takes a backfill for running a little longer than its runs.
    bench.airflow.wait("an answer to a backfill", lambda: _accepted(bench, body))
    bench.airflow.wait(
        f"the end of {weeks} weeks", lambda: _ended(bench, dag_id) >= known + weeks, 3_000
    )


def _accepted(bench: AirflowBench, body: dict[str, Any]) -> bool:
    answer = bench.airflow.http.post("/backfills", json=body)
    if answer.status_code not in (200, 409):
        raise RuntimeError(f"a backfill is refused: {answer.text}")
    return bool(answer.status_code == 200)


def _ended(bench: AirflowBench, dag_id: str) -> int:
    found = bench.airflow.call("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    if failed := [run["dag_run_id"] for run in found if run["state"] == "failed"]:
        raise RuntimeError(f"{dag_id}: {bench.airflow.failures(dag_id, failed[0])}")
    return sum(run["state"] in ENDED for run in found)


def _night(bench: AirflowBench, names: list[str]) -> None:
    """The last week of each of these models, all at the same time."""
    for name in names:
        bench.example(name)
    for name in names:
        bench.airflow.run(f"{name}__train")
