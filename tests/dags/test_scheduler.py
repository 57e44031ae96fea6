"""The weekly DAG under a real Airflow: scheduler, triggerer, DAG processor and API server."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.processes import free_port
from tests.conftest import DAGS_FOLDER, Sandbox, run_sandbox
from tests.dags.conftest import Google, Model
from titleholder.interval import last_complete

WEEK = last_complete("0 3 * * 1", datetime.now(UTC))


class Airflow:
    """Airflow's public API; `wait` looks again until something is so."""

    def __init__(self, base: str) -> None:
        token = httpx.get(f"{base}/auth/token").json()["access_token"]
        self.http = httpx.Client(
            base_url=f"{base}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def call(self, method: str, path: str, body: object = None) -> Any:
        def ask() -> httpx.Response | None:
            answer = self.http.request(method, path, json=body)
            # Its database here is SQLite, and Airflow refuses some calls while that is written to.
            return None if answer.status_code == 503 else answer

        answer = self.wait(f"an answer to {method} {path}", ask)
        assert answer.status_code < 400, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    def wait(self, what: str, look: Callable[[], Any], seconds: float = 660) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = look()
            if found not in (None, False, []):
                return found
            time.sleep(0.5)
        raise AssertionError(f"{what} did not come about within {seconds:.0f} s")

    def start(self, dag_id: str) -> None:
        """Unpause the DAG as soon as the DAG processor has found it."""
        self.wait(dag_id, lambda: self.http.get(f"/dags/{dag_id}").status_code == 200)
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]

    def run(self, dag_id: str, state: str = "success") -> dict[str, Any]:
        """The DAG's only run, once it has reached that state."""

        def look() -> Any:
            found = [run for run in self.runs(dag_id) if run["state"] in (state, "failed")]
            return found[0] if found else None

        run = self.wait(f"a run of {dag_id} that is {state}", look)
        assert run["state"] == state, self.tasks(dag_id, run["dag_run_id"])
        return run

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return {ti["task_id"]: ti["state"] for ti in self.call("GET", path)["task_instances"]}


@pytest.fixture(scope="module")
def airflow(sandbox: Sandbox, airflow_home: Path) -> Iterator[Airflow]:
    """A real Airflow beside the sandbox; it takes the templates from the environment."""
    kept = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith("AIRFLOW_")}
    try:
        started = run_sandbox(
            sandbox.var,
            *("up", "--airflow", "--dags", str(DAGS_FOLDER)),
            *("--port", f"airflow={free_port(None)}"),
        )
        assert started.returncode == 0, started.stdout + started.stderr
        (line,) = (row for row in started.stdout.splitlines() if row.startswith("Airflow UI"))
        api = Airflow(f"http://{line.split()[5]}")
        with api.http:
            yield api
    finally:
        os.environ |= kept


def test_scheduled_cleared_and_backfilled(
    model: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    made = model()
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(5)))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)

    run = airflow.run(dag_id)
    assert run["run_type"] == "scheduled"
    assert datetime.fromisoformat(run["data_interval_start"]) == WEEK.start
    assert datetime.fromisoformat(run["data_interval_end"]) == WEEK.end
    champion = google.endpoint(made.name).labels["champion"]
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 100}
    before = google.endpoint(made.name)

    airflow.call(
        "POST",
        "/backfills",
        {
            "dag_id": dag_id,
            "from_date": (WEEK.start - timedelta(weeks=2)).isoformat(),
            "to_date": (WEEK.start - timedelta(weeks=1)).isoformat(),
            "max_active_runs": 2,
            "dag_run_conf": {},
        },
    )
    done = airflow.wait(
        "a backfill of two weeks",
        lambda: (
            len([r for r in airflow.runs(dag_id) if r["state"] in ("success", "failed")]) == 3
            and airflow.runs(dag_id)
        ),
    )
    assert {r["state"] for r in done} == {"success"}
    assert {r["run_type"] for r in done} == {"scheduled", "backfill"}
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 3

    airflow.call(
        "POST",
        f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/clear",
        {"dry_run": False, "only_failed": False},
    )
    airflow.wait(
        "a challenger of the cleared run",
        lambda: (
            "challenger" in google.endpoint(made.name).labels
            and all(r["state"] == "success" for r in airflow.runs(dag_id))
        ),
    )
    endpoint = google.endpoint(made.name)
    assert endpoint.labels["champion"] == champion
    assert endpoint.labels["challenger"] == champion[:-2] + "01"
    names = {job.name.rsplit("-", 1)[-1] for job in google.jobs_of(made.name)}
    assert len(google.jobs_of(made.name)) == 4
    assert names == {"g0", "g1"}


def test_waiting_holds_no_worker_and_killing_the_task_cancels_the_pipeline(
    model: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    made = model(
        pipeline__parameters={"seconds": 300.0},
        source__freshness={"check_every": "2s", "wait": "4w"},
    )
    made.load(WEEK.start - timedelta(days=1))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    run = airflow.run(dag_id, "running")["dag_run_id"]
    airflow.wait(
        "a deferred check_freshness",
        lambda: airflow.tasks(dag_id, run)["check_freshness"] == "deferred",
    )
    made.load(WEEK.end - timedelta(minutes=5))
    airflow.wait(
        "a deferred wait_for_pipeline",
        lambda: airflow.tasks(dag_id, run)["wait_for_pipeline"] == "deferred",
    )
    (job,) = google.jobs_of(made.name)
    assert job.state.name in ("PIPELINE_STATE_PENDING", "PIPELINE_STATE_RUNNING")
    airflow.call(
        "PATCH",
        f"/dags/{dag_id}/dagRuns/{run}/taskInstances/wait_for_pipeline",
        {"new_state": "failed"},
    )
    airflow.wait(
        "a cancelled pipeline",
        lambda: (
            google.jobs.get_pipeline_job(name=job.name).state.name == "PIPELINE_STATE_CANCELLED"
        ),
    )
    assert google.endpoint(made.name) is None


def test_a_broken_model_is_an_import_error_and_stops_no_other(
    model: Callable[..., Model], airflow: Airflow
) -> None:
    good, broken = model(), model()
    path = DAGS_FOLDER / "models" / f"{broken.name}.yaml"
    path.write_text(path.read_text().replace("owner:", "ownr:"))
    told = airflow.wait(
        "an import error",
        lambda: [
            error["stack_trace"]
            for error in airflow.call("GET", "/importErrors")["import_errors"]
            if broken.name in error["stack_trace"]
        ],
    )
    assert f"{broken.name}.yaml: ownr: is not a key; remove it or mend its spelling" in told[0]
    dag_id = f"{good.name}__train"
    airflow.wait(dag_id, lambda: airflow.http.get(f"/dags/{dag_id}").status_code == 200)
    dag = airflow.call("GET", f"/dags/{dag_id}")
    assert not dag["has_import_errors"]
    assert not dag["is_stale"]
