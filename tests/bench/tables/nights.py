"""Many runs at once: a backfill of 52 weeks, and 20 models in one night."""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psutil

from tests.bench.desk import Desk, open_desk
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from tests.dags.real_airflow import WEEK

ENDED = ("success", "failed")


def measure(options: Options) -> Table:
    """Runs one after the other, then as many at once as the sandbox's four workers take; what
    training costs is apart, for the pipelines train nothing."""
    weeks, models, singly = (6, 4, 2) if options.quick else (52, 20, 6)
    with open_desk(options.home) as desk:
        names = [f"night{number:02}" for number in range(models)]
        dag_id = desk.model("years", weeks + singly + 2)
        desk.airflow.run(dag_id)
        before = WEEK.start - timedelta(weeks=weeks + 1)
        rows = [
            _timed(
                desk,
                f"{singly} weeks, one after the other",
                singly,
                lambda: _backfill(desk, dag_id, before - timedelta(weeks=singly), singly, 1),
            ),
            _timed(
                desk,
                f"{weeks} weeks, four at once",
                weeks,
                lambda: _backfill(desk, dag_id, before, weeks, 4),
            ),
            _timed(desk, f"{models} models in one night", models, lambda: _night(desk, names)),
        ]
    one, many = rows[:2]
    return Table(
        "Many runs at once",
        ("", "s", "s a run", "cores busy", "cpu s a run", "runs at once beside one by one"),
        [
            (
                row["what"],
                f"{row['seconds']:.0f}",
                f"{row['a_run']:.1f}",
                f"{row['cores']:.2f}",
                f"{row['cpu']:.1f}",
                f"{one['a_run'] / row['a_run']:.2f}",
            )
            for row in rows
        ],
        [Bar("cores busy during the backfill", many["cores"], 1.6, "", at_least=True)],
        [
            "Runs of the whole weekly DAG with a pipeline that trains nothing: what is left is "
            "what Airflow, the clients and the sandbox take. Processor is that of the whole "
            "sandbox, Airflow's own processes among it. The night's models are made while it runs."
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
    desk.airflow.call("POST", "/backfills", body)
    desk.airflow.wait(
        f"the end of {weeks} weeks", lambda: _ended(desk, dag_id) >= known + weeks, 3_000
    )


def _ended(desk: Desk, dag_id: str) -> int:
    found = desk.airflow.call("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    if failed := [run["dag_run_id"] for run in found if run["state"] == "failed"]:
        raise RuntimeError(f"{dag_id}: {desk.airflow.failures(dag_id, failed[0])}")
    return sum(run["state"] in ENDED for run in found)


def _night(desk: Desk, names: list[str]) -> None:
    """The last week of each of these models, all at the same time."""
    for name in names:
        desk.model(name, 1)
    for name in names:
        desk.airflow.run(f"{name}__train")
