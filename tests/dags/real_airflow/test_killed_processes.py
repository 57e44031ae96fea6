"""Killed workers and a killed scheduler of a real Airflow: the run succeeds all the same."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any

import psutil
import pytest

from sandbox.state import Home
from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.real_airflow.client import WEEK, Airflow, restart_scheduler, up
from tests.faults import Faults, unsound

# A dead worker is found in seconds instead of five minutes.
IMPATIENT = """
[scheduler]
task_instance_heartbeat_timeout = 10
task_instance_heartbeat_timeout_detection_interval = 1
"""
# The call that hangs until the task is killed: the job is submitted, is polled, the deployment is
# started.
HELD_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "submit_pipeline": ("create_pipeline_job", {"when": "after"}),
    # The first call is submit_pipeline's, for a job of an earlier attempt.
    "wait_for_pipeline": ("get_pipeline_job", {"nth": 2}),
    "update_traffic": ("deploy_model", {"when": "after"}),
}
# Longer than it takes the next attempt to start, which finds the operation running.
DEPLOY_SECONDS = 15.0
# A task whose supervisor lives is retried at once; a lost worker is noticed by missing heartbeats;
# without its supervisor the task goes on until it needs it.
VICTIMS = ("worker", "task", "supervisor")
SHORT = ("wait_for_pipeline", "task")
CASES = [
    pytest.param(*case, marks=() if case == SHORT else pytest.mark.long)
    for case in product(HELD_CALLS, VICTIMS)
]


def trained(made: Model, airflow: Airflow) -> tuple[Model, str, str]:
    """The model after the scheduled run of the last week, with DAG and run."""
    made.load(WEEK.end - timedelta(minutes=5))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    return made, dag_id, str(airflow.run(dag_id)["dag_run_id"])


def scheduler_of(sandbox: Sandbox) -> psutil.Process:
    return psutil.Process(Home(sandbox.var).load().processes["airflow-scheduler"].pid)


def processes(sandbox: Sandbox, instance: dict[str, Any]) -> tuple[psutil.Process, psutil.Process]:
    """The supervisor and the process of a running task instance, by the titles that Airflow gives
    them, among the sandbox's processes."""
    titles = {}
    for one in scheduler_of(sandbox).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            titles[" ".join(one.cmdline())] = one
    (supervisor,) = (one for title, one in titles.items() if f"Executor: {instance['id']}" in title)
    (task,) = (one for title, one in titles.items() if f"-- {instance['id']}" in title)
    assert task.ppid() == supervisor.pid
    return supervisor, task


@pytest.fixture
def impatient(
    victims: str, airflow: Airflow, sandbox: Sandbox, airflow_environ: dict[str, str]
) -> Iterator[None]:
    """The scheduler and its workers are impatient where a lost worker has to be noticed."""
    if victims == "task":
        yield
        return
    restart_scheduler(sandbox, airflow_environ, IMPATIENT)
    yield
    restart_scheduler(sandbox, airflow_environ)


@pytest.mark.parametrize(("task", "victims"), CASES)
@pytest.mark.usefixtures("impatient")
def test_a_killed_task_is_retried_and_succeeds(
    task: str,
    victims: str,
    model: Callable[..., Model],
    airflow: Airflow,
    sandbox: Sandbox,
    google: Google,
    faults: Faults,
) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    method, held = HELD_CALLS[task]
    of_model = f"*/{made.name}*"
    faults.hang(method, resource=of_model, **held)
    if task == "update_traffic":
        faults.delay_operation("deploy_model", DEPLOY_SECONDS, resource=of_model)
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    airflow.wait(
        f"a call of {task} that is held",
        lambda: not [one for one in faults.armed() if one["kind"] == "hang"],
    )
    (run,) = airflow.runs(dag_id)
    instance = airflow.instances(dag_id, run["dag_run_id"])[task]
    supervisor, process = processes(sandbox, instance)
    try:
        if victims != "task":
            supervisor.kill()  # First: it would report the end of the task.
        if victims != "supervisor":
            process.kill()
        faults.disarm()  # A process that is left continues without its answer.
        airflow.run(dag_id)
    finally:
        # Without its supervisor no other process ends it.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    after = airflow.instances(dag_id, run["dag_run_id"])
    assert after[task]["try_number"] == 2
    assert {ti["state"] for ti in after.values()} == {"success"}
    endpoint = google.endpoint(made.name)
    (deployed,) = endpoint.deployed_models
    assert dict(endpoint.traffic_split) == {deployed.id: 100}
    assert endpoint.labels["champion"] == deployed.id
    assert len(google.jobs_of(made.name)) == 1
    assert len(google.versions(made.name)) == 1
    for method in ("create_endpoint", "deploy_model"):
        assert len(faults.calls(method=method, resource=of_model)) == 1, method
    assert not unsound(faults.traffic(endpoint=endpoint.name))


def test_a_scheduler_that_died_is_started_again_by_up(
    model: Callable[..., Model],
    airflow: Airflow,
    sandbox: Sandbox,
    airflow_environ: dict[str, str],
    google: Google,
) -> None:
    made, dag_id, run_id = trained(model(), airflow)
    scheduler = scheduler_of(sandbox)
    workers = scheduler.children(recursive=True)
    assert workers
    scheduler.kill()
    airflow.clear(dag_id, run_id)
    up(sandbox, airflow_environ)
    airflow.run(dag_id)
    assert len(google.versions(made.name)) == 2
    assert scheduler_of(sandbox).pid != scheduler.pid
    assert not [one for one in workers if one.is_running()]


@pytest.mark.long
def test_a_database_that_was_killed_is_started_again_by_up(
    model: Callable[..., Model],
    airflow: Airflow,
    sandbox: Sandbox,
    airflow_environ: dict[str, str],
    google: Google,
) -> None:
    made, dag_id, run_id = trained(model(), airflow)
    server = psutil.Process(Home(sandbox.var).load().processes["postgres"].pid)
    server.kill()
    up(sandbox, airflow_environ)
    assert airflow.run(dag_id)["dag_run_id"] == run_id, "what was committed is there"
    airflow.clear(dag_id, run_id)
    airflow.run(dag_id)
    assert len(google.versions(made.name)) == 2
