"""Many runs at once: a backfill of 52 weeks, and 20 models in one night."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psutil

from sandbox import linnerud
from tests.bench.desk import Desk, open_desk
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from tests.dags.real_airflow import WEEK

ENDED = ("success", "failed")


def measure(options: Options) -> Table:
    """Runs one after the other, then as many at once as the sandbox's four workers take."""
    weeks, models, singly = (6, 4, 2) if options.quick else (52, 20, 4)
    first = WEEK.start - timedelta(weeks=1)
    earlier = first - timedelta(weeks=weeks)

    def backfill(dag_id: str, newest: datetime, count: int, at_once: int) -> Callable[[], None]:
        oldest = newest - timedelta(weeks=count - 1)
        return lambda: _backfill(desk, dag_id, oldest, count, at_once)

    with open_desk(options.home) as desk:
        table = f"{desk.sandbox.project}.bench.measurements"
        with desk.sandbox.bigquery() as client:
            linnerud.load(client, WEEK.end, table, weeks + singly + 2)
        tiny, example = desk.model("tiny", weeks + singly + 2), desk.example("example")
        for dag_id in (tiny, example):
            desk.airflow.run(dag_id)
        several, all_of_them = f"{singly} weeks, one by one", f"{weeks} weeks, four at once"
        rows = [
            _timed(desk, f"{several}, nothing trained", singly, backfill(tiny, first, singly, 1)),
            _timed(desk, several, singly, backfill(example, earlier, singly, 1)),
            _timed(desk, all_of_them, weeks, backfill(example, first, weeks, 4)),
            _timed(
                desk,
                f"{models} models in one night",
                models,
                lambda: _night(desk, [f"night{number:02}" for number in range(models)]),
            ),
        ]
    nothing, one, many, night = rows
    return Table(
        "Many runs at once",
        ("", "s", "s a run", "cores busy", "cpu s a run", "times as fast as one by one"),
        [
            (
                row["what"],
                f"{row['seconds']:.0f}",
                f"{row['a_run']:.1f}",
                f"{row['cores']:.2f}",
                f"{row['cpu']:.1f}",
                "-" if row is nothing else f"{one['a_run'] / row['a_run']:.2f}",
            )
            for row in rows
        ],
        [
            Bar(
                f"cores busy, of {psutil.cpu_count()}, in the backfill",
                many["cores"],
                1.6,
                "",
                True,
            ),
            Bar(
                f"cores busy, of {psutil.cpu_count()}, in the night", night["cores"], 1.6, "", True
            ),
        ],
        [
            f"A run of the example takes {one['cpu']:.1f} s of processor, of which "
            f"{nothing['cpu']:.1f} are not training: Airflow's workers and scheduler, Google's "
            "clients, the sandbox. Counted are all processes of the sandbox and of Airflow."
        ],
    )


def _timed(desk: Desk, what: str, runs: int, work: Any) -> dict[str, Any]:
    begin, busy = time.monotonic(), _cpu(desk)
    work()
    seconds, cpu = time.monotonic() - begin, _cpu(desk) - busy
    return {
        "what": what,
        "seconds": seconds,
        "a_run": seconds / runs,
        "cores": cpu / seconds,
        "cpu": cpu / runs,
    }


def _cpu(desk: Desk) -> float:
    """The seconds of processor that the sandbox and Airflow have used: those of processes that are
    over count with the parents that waited for them."""
    used = 0.0
    for part in desk.sandbox.parts():
        process = psutil.Process(desk.sandbox.pid(part))
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used += sum(one.cpu_times()[:4])  # user and system, its own and its children's
    return used


def _backfill(desk: Desk, dag_id: str, first: datetime, weeks: int, at_once: int) -> None:
    """Those weeks of the DAG; raises RuntimeError when one fails."""
    body = {
        "dag_id": dag_id,
        "from_date": first.isoformat(),
        "to_date": (first + timedelta(weeks=weeks - 1)).isoformat(),
        "max_active_runs": at_once,
        "dag_run_conf": {},
    }
    known = _ended(desk, dag_id)
    # Airflow takes a backfill for running a little longer than its runs.
    desk.airflow.wait("an answer to a backfill", lambda: _accepted(desk, body))
    desk.airflow.wait(
        f"the end of {weeks} weeks", lambda: _ended(desk, dag_id) >= known + weeks, 3_000
    )


def _accepted(desk: Desk, body: dict[str, Any]) -> bool:
    answer = desk.airflow.http.post("/backfills", json=body)
    if answer.status_code not in (200, 409, 503):
        raise RuntimeError(f"a backfill is refused: {answer.text}")
    return bool(answer.status_code == 200)


def _ended(desk: Desk, dag_id: str) -> int:
    found = desk.airflow.call("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    if failed := [run["dag_run_id"] for run in found if run["state"] == "failed"]:
        raise RuntimeError(f"{dag_id}: {desk.airflow.failures(dag_id, failed[0])}")
    return sum(run["state"] in ENDED for run in found)


def _night(desk: Desk, names: list[str]) -> None:
    """The last week of each of these models, all at the same time."""
    for name in names:
        desk.example(name)
    for name in names:
        desk.airflow.run(f"{name}__train")
