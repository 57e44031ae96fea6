"""Many weeks backfilled, and many models in one night, beside one run after the other."""

import statistics
import time
from collections.abc import Callable
from datetime import datetime

from google.cloud.aiplatform_v1 import PipelineServiceClient

from tests.bench.desk import MONDAY, WEEK, Desk, desk
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from tests.bench.sandbox import Sandbox

CORES = 2


def measure(options: Options) -> Table:
    """52 weeks of one model, then the newest week of 20; alone, three weeks before."""
    weeks, models = (4, 3) if options.quick else (52, 20)
    rows, bars = [], []
    with desk(options.home, weeks + 6) as at:
        dag_id = at.add("backfilled", duel=None)
        at.start(dag_id)
        at.wait(lambda: _idle(at, dag_id))
        alone = [
            at.ended(dag_id, at.trigger(dag_id, back)) for back in range(weeks + 5, weeks + 2, -1)
        ]
        one = statistics.median(alone)
        trained = statistics.median(_trained(at.sandbox, "backfilled"))
        rows.append(("one run alone", "1", f"{one:.1f}", f"{one:.1f}", f"{trained:.1f}", "-"))

        def backfill() -> None:
            start, end = MONDAY - (weeks + 1) * WEEK, MONDAY - 2 * WEEK
            body = {"dag_id": dag_id, "max_active_runs": 4, "run_backwards": False}
            body |= {"from_date": start.isoformat(), "to_date": end.isoformat()}
            body |= {"reprocess_behavior": "none", "dag_run_conf": {}}
            # On SQLite the scheduler dies of runs that are taken back while it looks at them.
            at.call("PATCH", f"/dags/{dag_id}", {"is_paused": True})
            at.call("POST", "/backfills", body)
            at.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})
            at.wait(lambda: _ended(at, dag_id) >= weeks + 4)

        def night() -> None:
            ids = [at.add(f"night{number:02}", duel=None) for number in range(models)]
            for each in ids:
                at.start(each)
            at.wait(lambda: all(_ended(at, each) for each in ids))

        for what, number, work in (
            (f"{weeks} weeks backfilled, 4 at a time", weeks, backfill),
            (f"{models} models in one night", models, night),
        ):
            took, busy = _timed(at, work)
            part = busy / (took * CORES)
            each = took / number
            cells = f"{number:,}", f"{took:.0f}", f"{each:.1f}", "", f"{part:.0%}"
            rows.append((what, *cells))
            bars.append(Bar(f"{what}: a run beside one alone", each / one, 1))
    return Table(
        "Many weeks, and many models",
        ("", "runs", "s", "s a run", "of it training", f"of {CORES} cores"),
        rows,
        bars,
        [
            "The whole example, training included. Of the cores: processor time of Airflow and the "
            "sandbox, their children that have ended included."
        ],
    )


def _timed(at: Desk, work: Callable[[], None]) -> tuple[float, float]:
    begun, busy = time.monotonic(), at.cpu()
    work()
    return time.monotonic() - begun, at.cpu() - busy


def _runs(at: Desk, dag_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = at.call("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
    if failed := [run["dag_run_id"] for run in found if run["state"] == "failed"]:
        raise RuntimeError(f"{', '.join(failed)} of {dag_id} failed")
    return found


def _ended(at: Desk, dag_id: str) -> int:
    return sum(run["state"] == "success" for run in _runs(at, dag_id))


def _idle(at: Desk, dag_id: str) -> bool:
    found = _runs(at, dag_id)
    return bool(found) and all(run["state"] == "success" for run in found)


def _trained(sandbox: Sandbox, model: str) -> list[float]:
    """Seconds that each pipeline job of the model took."""
    client = PipelineServiceClient(transport="rest", **sandbox.options("VERTEX_AI"))
    place = f"projects/{sandbox.project}/locations/{sandbox.env['GOOGLE_CLOUD_LOCATION']}"
    asked = {"parent": place, "filter": f'labels.titleholder-model="{model}"'}
    found = []
    for job in client.list_pipeline_jobs(request=asked):
        begun: datetime = job.create_time
        found.append((job.end_time - begun).total_seconds())
    return found
