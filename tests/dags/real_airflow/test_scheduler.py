"""The weekly DAG under a real Airflow: scheduler, triggerer, DAG processor and API server."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from sandbox.services.processes import inherited
from tests.conftest import DAGS_FOLDER, REPOSITORY, Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.real_airflow.client import WEEK, Airflow, logs_of
from tests.sink import SECRET, Sink
from titleholder.naming import deployed_model_ids_of

LINKED = ["submit_pipeline", "wait_for_pipeline", "update_traffic"]


def test_scheduled_cleared_and_backfilled(
    model: Callable[..., Model],
    airflow: Airflow,
    google: Google,
    airflow_webhook: Sink,
    sandbox: Sandbox,
) -> None:
    made = model()
    # The fourth week before is empty.
    made.load(*(WEEK.end - timedelta(weeks=back, minutes=5) for back in (0, 1, 2, 4)))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)

    run = airflow.run(dag_id)
    assert run["run_type"] == "scheduled"
    assert datetime.fromisoformat(run["data_interval_start"]) == WEEK.start
    assert datetime.fromisoformat(run["data_interval_end"]) == WEEK.end
    champion = google.endpoint(made.name).labels["champion"]
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 100}
    before = google.endpoint(made.name)
    version = "versions/1/properties?project="
    links = {task: airflow.links(dag_id, run["dag_run_id"], task) for task in LINKED}
    for task in LINKED[:2]:
        assert f"/pipelines/runs/{made.name}-" in (links[task]["Vertex AI pipeline"] or "")
    assert f"/endpoints/{made.name}?project=" in (links["update_traffic"]["Endpoint"] or "")
    assert version in (links["update_traffic"]["Model version"] or "")
    for page in (page for found in links.values() for page in found.values() if page):
        assert page.startswith(f"{google.host}/console/")
        assert httpx.get(page, timeout=60).status_code == 200

    airflow.call(
        "POST",
        "/backfills",
        {
            "dag_id": dag_id,
            "from_date": (WEEK.start - timedelta(weeks=3)).isoformat(),
            "to_date": (WEEK.start - timedelta(weeks=1)).isoformat(),
            "max_active_runs": 2,
            "dag_run_conf": {},
        },
    )
    done = airflow.wait(
        "a backfill of three weeks",
        lambda: (
            len([r for r in airflow.runs(dag_id) if r["state"] in ("success", "failed")]) == 4
            and airflow.runs(dag_id)
        ),
    )
    (empty,) = (r for r in done if r["state"] == "failed")
    assert "load the missing interval" in airflow.log(
        dag_id, empty["dag_run_id"], "check_freshness"
    )
    last = airflow.log_unfolded(dag_id, empty["dag_run_id"], "check_freshness")[-1]
    assert last.startswith(f"titleholder: {made.name}: task failed (")
    assert "load the missing interval" in last, "the remedy is in the last visible line"
    assert {r["run_type"] for r in done} == {"scheduled", "backfill"}
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 3

    airflow.clear(dag_id, run["dag_run_id"])
    airflow.wait(
        "a challenger of the cleared run",
        lambda: (
            "challenger" in google.endpoint(made.name).labels
            and len([r for r in airflow.runs(dag_id) if r["state"] == "success"]) == 3
        ),
    )
    endpoint = google.endpoint(made.name)
    assert endpoint.labels["champion"] == champion
    retrained = next(
        alias
        for version in google.versions(made.name)
        for alias in version.version_aliases
        if alias.endswith("-g1")
    )
    assert endpoint.labels["challenger"] == deployed_model_ids_of(retrained)[0]
    names = {job.name.rsplit("-", 1)[-1] for job in google.jobs_of(made.name)}
    assert len(google.jobs_of(made.name)) == 4
    assert names == {"g0", "g1"}

    assert airflow_webhook.titles() == ["first champion", "challenger deployed"]
    logs = logs_of(sandbox)
    assert "check_freshness failed: " in logs, "the backfill's failure is in the log"
    assert "not sent: a backfill" in logs
    for part in SECRET.split("/"):
        assert part not in logs


def test_the_connection_of_the_alerts_by_the_commands_of_the_page(
    airflow: Airflow, sandbox: Sandbox
) -> None:
    page = (REPOSITORY / "docs" / "how-to" / "alerts.md").read_text()
    (commands,) = re.findall(r"```sh\n(.*?connections add.*?)```", page, re.DOTALL)
    for text, path in (
        ("var/sandbox.env", sandbox.var / "sandbox.env"),
        (".venv/bin/airflow", Path(sys.executable).with_name("airflow")),
    ):
        assert text in commands
        commands = commands.replace(text, str(path))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=inherited(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "invalid" not in done.stdout + done.stderr
    made = airflow.call("GET", "/connections/titleholder_alerts")
    assert made["conn_type"] == "generic"
    assert made["password"]
    airflow.call("DELETE", "/connections/titleholder_alerts")


def test_waiting_tasks_are_deferred_and_a_failed_task_cancels_the_pipeline(
    model: Callable[..., Model], airflow: Airflow, google: Google
) -> None:
    made = model(
        pipeline__parameters={"seconds": 300.0},
        source__freshness={"poke_interval": "2s", "timeout": "4w"},
    )
    made.load(WEEK.start - timedelta(days=1))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    run = airflow.run(dag_id, "running")["dag_run_id"]
    airflow.wait(
        "a deferred check_freshness",
        lambda: airflow.tasks(dag_id, run)["check_freshness"] == "deferred",
    )
    shown = airflow.page(made.name, "waits for data")
    until = WEEK.end + timedelta(weeks=4)
    assert f"{until:%Y-%m-%d %H:%M} UTC</span> at the latest" in shown
    made.load(WEEK.end - timedelta(minutes=5))
    airflow.wait(
        "a deferred wait_for_pipeline",
        lambda: airflow.tasks(dag_id, run)["wait_for_pipeline"] == "deferred",
    )
    page = airflow.links(dag_id, run, "wait_for_pipeline")["Vertex AI pipeline"]
    assert page, "also while it is deferred"
    shown = airflow.page(made.name, "waits for the pipeline")
    assert f'<a href="{page}" rel="noopener">pipeline job</a>' in shown
    assert "has ended. Its run waits for the pipeline since" in shown
    (job,) = google.jobs_of(made.name)
    assert f"/pipelines/runs/{job.name.rsplit('/', 1)[-1]}?" in page
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


def test_the_duel_of_several_runs_continues_until_no_run_waits_for_it(
    contested: Callable[..., Model], airflow: Airflow, google: Google, sandbox: Sandbox
) -> None:
    made = contested(duel={"feature_columns": ["slow"]})
    dag_id = f"{made.name}__rollout"
    airflow.start(dag_id)
    runs = [airflow.run(dag_id, "running")["dag_run_id"]]

    def waits(run: str) -> None:
        airflow.wait(
            f"a deferred wait_for_duel of {run}",
            lambda: airflow.tasks(dag_id, run)["wait_for_duel"] == "deferred",
        )

    def kill(run: str) -> None:
        path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/wait_for_duel"
        airflow.call("PATCH", path, {"new_state": "failed"})

    waits(runs[0])
    # Two triggered runs of the same day reuse the duel.
    for _ in range(2):
        answer = airflow.trigger(dag_id, intent="evaluate")
        assert answer.status_code == 200, answer.text
        runs.append(answer.json()["dag_run_id"])
        waits(runs[-1])
    (job,) = (job for job in google.jobs_of(made.name) if "-duel-" in job.name)
    submitter, second, third = runs
    for failing in (second, submitter):
        kill(failing)
        airflow.wait(
            "a job that goes on",
            lambda failing=failing: f"{failing} failed: {job.name} goes on" in logs_of(sandbox),
        )
        assert google.jobs.get_pipeline_job(name=job.name).state.name == "PIPELINE_STATE_RUNNING"
        waits(third)  # it looks at the job now and then
    kill(third)
    airflow.wait(
        "a cancelled duel",
        lambda: (
            google.jobs.get_pipeline_job(name=job.name).state.name == "PIPELINE_STATE_CANCELLED"
        ),
    )


def test_a_broken_model_is_an_import_error_and_the_others_run(
    model: Callable[..., Model], airflow: Airflow
) -> None:
    good, broken = model(), model()
    path = DAGS_FOLDER / "models" / f"{broken.name}.yaml"
    path.write_text(path.read_text().replace("owner:", "ownr:"))
    traces = airflow.wait(
        "an import error",
        lambda: [
            error["stack_trace"]
            for error in airflow.call("GET", "/importErrors")["import_errors"]
            if broken.name in error["stack_trace"]
        ],
    )
    assert "ownr: is not a key; did you mean owner?" in traces[0]
    dag_id = f"{good.name}__train"
    airflow.wait(dag_id, lambda: airflow.http.get(f"/dags/{dag_id}").status_code == 200)
    dag = airflow.call("GET", f"/dags/{dag_id}")
    assert not dag["has_import_errors"]
    assert not dag["is_stale"]
