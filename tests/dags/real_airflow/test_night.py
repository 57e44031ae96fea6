"""Many runs at once under a real Airflow: three backfills, and the weekly runs of 20 models."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from sandbox.services.processes import alive
from sandbox.state import Home
from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.real_airflow.client import WEEK, Airflow

MODELS, BACKFILLS, WEEKS = 20, 3, 3


@pytest.mark.long
def test_three_backfills_and_a_night_of_20_models(
    model: Callable[..., Model], airflow: Airflow, google: Google, sandbox: Sandbox
) -> None:
    models = [model() for _ in range(MODELS)]
    for made in models:
        made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(WEEKS + 1)))
    dags = [f"{made.name}__train" for made in models]
    for dag_id in dags:
        airflow.find(dag_id)
    log = sandbox.var / "logs" / "airflow.log"
    answered = log.stat().st_size
    before = Home(sandbox.var).load().processes

    for dag_id in dags:
        airflow.start(dag_id)
    for dag_id in dags[:BACKFILLS]:
        backfill = {
            "dag_id": dag_id,
            "from_date": (WEEK.start - timedelta(weeks=WEEKS)).isoformat(),
            "to_date": (WEEK.start - timedelta(weeks=1)).isoformat(),
            "max_active_runs": WEEKS,
            "dag_run_conf": {},
        }
        airflow.call("POST", "/backfills", backfill)

    def ended(dag_id: str) -> bool:
        """Whether all runs of the DAG have ended, each with success."""
        expected = ["scheduled"] + ["backfill"] * (WEEKS if dag_id in dags[:BACKFILLS] else 0)
        runs = [run for run in airflow.runs(dag_id) if run["state"] in ("success", "failed")]
        for run in runs:
            assert run["state"] == "success", airflow.failures(dag_id, run["dag_run_id"])
        return sorted(run["run_type"] for run in runs) == sorted(expected)

    for dag_id in dags:
        airflow.wait(f"the end of all runs of {dag_id}", lambda dag_id=dag_id: ended(dag_id))
    assert Home(sandbox.var).load().processes == before
    assert all(alive(process) for process in before.values())
    with log.open() as lines:
        lines.seek(answered)
        # Also those of the tasks, which call the same server.
        assert [line for line in lines if " status_code=5" in line] == []
    for number, made in enumerate(models):
        weeks = WEEKS + 1 if number < BACKFILLS else 1
        assert len(google.versions(made.name)) == weeks
        champion = google.endpoint(made.name).labels["champion"]
        assert sorted(dict(google.endpoint(made.name).traffic_split).items()) == [(champion, 100)]
