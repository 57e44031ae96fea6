"""Assets under a real Airflow: a loader's asset starts the training, and other DAGs follow the
champion and the challenger."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DAGS_FOLDER
from tests.dags.conftest import Google, Model
from tests.dags.contested import events_of
from tests.dags.real_airflow.client import WEEK, Airflow
from tests.faults import Faults
from titleholder.events.event import NO_CHANGE_ACTIONS

# The DAGs of other teams. A consumer returns what its run was started by.
OTHERS = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset


def consumed(name, triggering_asset_events):
    return [event.extra for event in triggering_asset_events[Asset(name)]]


with DAG("MODEL__load", schedule=None):
    EmptyOperator(task_id="load", outlets=[Asset(name="MODEL/rows", uri="bigquery://p/d/MODEL")])

for role in ("champion", "challenger"):
    with DAG(f"MODEL__new_{role}", schedule=[Asset(f"MODEL/{role}")]):
        PythonOperator(task_id="consume", python_callable=consumed, op_args=[f"MODEL/{role}"])
"""


@pytest.fixture
def others(airflow: Airflow) -> Iterator[Callable[[Model], None]]:
    """Adds the DAGs of other teams, and starts them."""
    written: list[Path] = []

    def add(made: Model) -> None:
        path = DAGS_FOLDER / f"{made.name}_others.py"
        path.write_text(OTHERS.replace("MODEL", made.name))
        written.append(path)
        for dag in ("load", "new_champion", "new_challenger"):
            airflow.start(f"{made.name}__{dag}")

    yield add
    for path in written:
        path.unlink()


class Watched:
    """The runs of a model's DAGs, and of those that follow it."""

    def __init__(self, airflow: Airflow, made: Model) -> None:
        self.airflow, self.made = airflow, made
        self.train, self.rollout = f"{made.name}__train", f"{made.name}__rollout"

    def ended(self, dag_id: str, number: int) -> list[dict[str, Any]]:
        """The DAG's runs, oldest first, once there are so many and all have ended."""

        def poll() -> list[dict[str, Any]] | None:
            runs = self.airflow.runs(dag_id)
            over = all(run["state"] in ("success", "failed") for run in runs)
            return runs if over and len(runs) >= number else None

        found = self.airflow.wait(f"the end of {number} runs of {dag_id}", poll)
        assert len(found) == number
        return sorted(found, key=lambda run: run["run_after"])

    def load(self) -> None:
        assert self.airflow.trigger(f"{self.made.name}__load").status_code == 200

    def intend(self, number: int, **params: object) -> None:
        assert self.airflow.trigger(self.rollout, **params).status_code == 200
        assert self.ended(self.rollout, number)[-1]["state"] == "success"

    def backfill(self, weeks: int, **also: object) -> None:
        """Wait for a backfill of the weeks before the last one, or with `also` of the last one."""
        first = WEEK.start if also else WEEK.start - timedelta(weeks=weeks)
        body = {
            "dag_id": self.train,
            "from_date": first.isoformat(),
            "to_date": (first + timedelta(weeks=weeks - 1)).isoformat(),
            "dag_run_conf": {},
            **also,
        }
        made = self.airflow.call("POST", "/backfills", body)["id"]
        self.airflow.wait(
            "the end of a backfill",
            lambda: self.airflow.call("GET", f"/backfills/{made}")["completed_at"],
        )

    def consumed(self, role: str, number: int) -> list[dict[str, Any]]:
        """What started the runs of the DAG that follows the role, one asset event each."""
        dag_id, found = f"{self.made.name}__new_{role}", []
        for run in self.ended(dag_id, number):
            path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/consume/xcomEntries"
            entry = self.airflow.call("GET", f"{path}/return_value?stringify=false")
            (extra,) = entry["value"]
            found.append(extra)
        return found


@pytest.mark.long
@pytest.mark.parametrize("or_time", [False, True])
def test_assets_start_the_training_and_follow_it(
    or_time: bool,
    model: Callable[..., Model],
    airflow: Airflow,
    google: Google,
    faults: Faults,
    others: Callable[[Model], None],
) -> None:
    made = model(schedule={"cron": "0 3 * * 1", "or_time": or_time, "assets": ["rows"]})
    made.configure("schedule", assets=[f"{made.name}/rows"])
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in range(4)))
    others(made)
    watched = Watched(airflow, made)
    airflow.start(watched.train)
    airflow.start(watched.rollout)

    # An attempt that fails after its change is retried, and says so once.
    faults.answer("merge_version_aliases", "UNAVAILABLE", times=9)
    if or_time:
        run = airflow.run(watched.train)
        assert run["run_type"] == "scheduled"
        assert datetime.fromisoformat(run["data_interval_end"]) == WEEK.end
    else:
        # It would have no tasks: Airflow starts them at the year of the DAG's start.
        assert "does not allow manual runs" in airflow.trigger(watched.train).text
        watched.load()
        (run,) = watched.ended(watched.train, 1)
        assert run["run_type"] == "asset_triggered", airflow.failures(
            watched.train, run["dag_run_id"]
        )
    run_id = run["dag_run_id"]
    assert airflow.tasks(watched.train, run_id)["update_traffic"] == "success"
    assert airflow.instances(watched.train, run_id)["update_traffic"]["try_number"] > 1
    (job,) = google.jobs_of(made.name)
    week = f"{WEEK.start:%Y%m%dt%H%M}-{WEEK.end:%Y%m%dt%H%M}"
    assert job.name.endswith(f"/{made.name}-{week}-g0")
    (first,) = watched.consumed("champion", 1)
    assert first["version"] == f"{made.name}@1"
    assert first["traffic_percentage"] == 100

    # The loader again, with the same rows: nothing is trained. With others: a challenger.
    watched.load()
    again = watched.ended(watched.train, 2)[-1]
    assert again["run_type"] == "asset_triggered"
    assert airflow.tasks(watched.train, again["dag_run_id"])["submit_pipeline"] == "skipped"
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=4) for back in range(4)))
    watched.load()
    newest = watched.ended(watched.train, 3)[-1]["dag_run_id"]
    assert airflow.tasks(watched.train, newest)["update_traffic"] == "success"
    (seated,) = watched.consumed("challenger", 1)
    assert (seated["version"], seated["traffic_percentage"]) == (f"{made.name}@2", 10)

    # A backfill has the weeks of the cron; older weeks change nothing on the endpoint.
    watched.backfill(3)
    runs = watched.ended(watched.train, 6)
    weeks = {
        (run["data_interval_start"], run["data_interval_end"])
        for run in runs
        if run["run_type"] == "backfill"
    }
    assert {(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in weeks} == {
        (WEEK.start - timedelta(weeks=back), WEEK.end - timedelta(weeks=back)) for back in (1, 2, 3)
    }
    assert {run["state"] for run in runs} == {"success"}

    # A task that is cleared alone, and a run that is reprocessed.
    body = {"dry_run": False, "dag_run_id": newest, "task_ids": ["update_traffic"]}
    airflow.call("POST", f"/dags/{watched.train}/clearTaskInstances", body)
    watched.ended(watched.train, 6)
    if or_time:
        watched.backfill(1, reprocess_behavior="completed")
        watched.ended(watched.train, 6)

    watched.intend(1, intent="set_traffic", traffic_percentage=30)
    watched.intend(2, intent="promote")
    watched.intend(3, intent="undo_promotion")
    champions = watched.consumed("champion", 3)
    assert [one["version"] for one in champions] == [
        f"{made.name}@{number}" for number in (1, 2, 1)
    ]
    challengers = watched.consumed("challenger", 3)
    assert [one["traffic_percentage"] for one in challengers] == [10, 30, 0]
    changes = {one.id for one in events_of(made) if one.action not in NO_CHANGE_ACTIONS}
    assert {one["event"] for one in (*champions, *challengers)} == changes
