"""Many weeks backfilled, and many models in one night, beside one run after the other."""

import shutil
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psutil
import yaml

from pipeline.compile import COMPILED
from sandbox import linnerud
from tests.bench.desk import Desk, open_desk, seconds
from tests.bench.measuring import REPOSITORY, Options
from tests.bench.results import Bar, Table
from tests.dags.real_airflow import WEEK as LAST

CORES = 2
AT_ONCE = 4
ALONE = 3
PARTS = ("airflow", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
PARTS += ("bigquery", "storage", "vertex")


def measure(options: Options) -> Table:
    """52 weeks of one model, then the newest week of 20; some weeks alone before."""
    weeks, models = (4, 3) if options.quick else (52, 20)
    rows, bars = [], []
    with open_desk(options.home) as desk:
        shutil.copy(COMPILED / "linnerud.yaml", options.home / "templates")
        with desk.sandbox.bigquery() as client:
            linnerud.load(client, datetime.now(UTC), count=weeks + ALONE + 3)
        dag_id = _add(desk, "backfilled")
        desk.airflow.start(dag_id)
        desk.airflow.run(dag_id)
        span = LAST.end - LAST.start
        oldest = LAST.start - (weeks + ALONE + 1) * span
        alone = [_alone(desk, dag_id, oldest + number * span) for number in range(ALONE)]
        one = statistics.median(alone)
        trained = statistics.median(desk.job_seconds("backfilled")[1:])
        rows.append(("one run alone", "1", f"{one:.1f}", f"{one:.1f}", f"{trained:.1f}", "-"))

        def backfill() -> None:
            body = {
                "dag_id": dag_id,
                "from_date": (LAST.start - weeks * span).isoformat(),
                "to_date": (LAST.start - span).isoformat(),
                "max_active_runs": AT_ONCE,
                "run_backwards": False,
                "reprocess_behavior": "none",
                "dag_run_conf": {},
            }
            # On SQLite the scheduler dies of runs that are taken back while it looks at them.
            desk.airflow.call("PATCH", f"/dags/{dag_id}", {"is_paused": True})
            desk.airflow.call("POST", "/backfills", body)
            desk.airflow.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})
            _until(desk, lambda: _ended(desk, dag_id) == 1 + ALONE + weeks)

        def night() -> None:
            ids = [_add(desk, f"night{number:02}") for number in range(models)]
            for each in ids:
                desk.airflow.start(each)
            _until(desk, lambda: all(_ended(desk, each) for each in ids))

        for what, number, work in (
            (f"{weeks} weeks backfilled, {AT_ONCE} at a time", weeks, backfill),
            (f"{models} models in one night", models, night),
        ):
            took, busy = _timed(desk, work)
            each, part = took / number, busy / (took * CORES)
            cells = f"{number:,}", f"{took:.0f}", f"{each:.1f}", "", f"{part:.0%}"
            rows.append((what, *cells))
            bars.append(Bar(f"{what}: a run beside one alone", each / one, 1))
    own = one - trained
    return Table(
        "Many weeks, and many models",
        ("", "runs", "s", "s a run", "of it training", f"of {CORES} cores"),
        rows,
        bars,
        [
            "The whole example. Of a run alone, "
            f"{own:.1f} s are not its pipeline: Airflow's, and ours. Of the cores: processor time "
            "of Airflow and the sandbox, with their children that have ended."
        ],
    )


def _add(desk: Desk, name: str) -> str:
    raw = yaml.safe_load((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
    endpoint = {"display_name": name, "create": True}
    raw |= {"model": name, "endpoint": endpoint, "start_date": "2020-01-06", "duel": None}
    (desk.dags / "models" / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    return f"{name}__train"


def _alone(desk: Desk, dag_id: str, start: datetime) -> float:
    body = {"logical_date": start.isoformat(), "conf": {}}
    run = desk.airflow.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
    return seconds(desk.ended(dag_id, run))


def _ended(desk: Desk, dag_id: str) -> int:
    path = f"/dags/{dag_id}/dagRuns?limit=100"
    found: list[dict[str, Any]] = desk.airflow.call("GET", path)["dag_runs"]
    if failed := [run["dag_run_id"] for run in found if run["state"] == "failed"]:
        raise RuntimeError(f"{', '.join(failed)} of {dag_id} failed")
    return sum(run["state"] == "success" for run in found)


def _until(desk: Desk, done: Callable[[], bool]) -> None:
    desk.airflow.wait("the end of all runs", done, seconds=3_600)


def _timed(desk: Desk, work: Callable[[], None]) -> tuple[float, float]:
    begun, busy = time.monotonic(), _cpu(desk)
    work()
    return time.monotonic() - begun, _cpu(desk) - busy


def _cpu(desk: Desk) -> float:
    """Seconds of processor of the sandbox's processes, and of those that they waited for."""
    whole = 0.0
    for part in PARTS:
        root = psutil.Process(desk.sandbox.pid(part))
        for process in (root, *root.children(recursive=True)):
            try:
                whole += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
    return whole
