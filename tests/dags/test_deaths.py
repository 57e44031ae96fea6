"""Workers of a real Airflow, or its scheduler, die, and the run ends well all the same."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any

import psutil
import pytest

from sandbox.state import Home
from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model
from tests.dags.real_airflow import WEEK, Airflow
from tests.dags.real_airflow import airflow as airflow
from tests.faults import Faults, unsound

# The call in which each task is held until it is killed: the job was made, is looked at, the
# deployment was begun.
MOMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "submit_pipeline": ("create_pipeline_job", {"when": "after"}),
    # The first look is submit_pipeline's, for a job that an earlier attempt left.
    "wait_for_pipeline": ("get_pipeline_job", {"nth": 2}),
    "update_traffic": ("deploy_model", {"when": "after"}),
}
# Long enough that the next attempt finds the operation running.
DEPLOY_SECONDS = 15.0
# A task whose supervisor lives is tried again at once; a worker that is gone is missed when its
# heartbeats are; without its supervisor the task itself goes on until it needs it.
VICTIMS = ("worker", "task", "supervisor")
SHORT = {
    ("submit_pipeline", "task"),
    ("wait_for_pipeline", "task"),
    ("update_traffic", "worker"),
}
CASES = [
    pytest.param(*case, marks=() if case in SHORT else pytest.mark.long)
    for case in product(MOMENTS, VICTIMS)
]


def keeper_of_the_scheduler(sandbox: Sandbox) -> psutil.Process:
    return psutil.Process(Home(sandbox.var).load().processes["airflow-scheduler"].pid)


def processes(sandbox: Sandbox, instance: dict[str, Any]) -> tuple[psutil.Process, psutil.Process]:
    """The supervisor and the process of a task instance that runs, by the titles that Airflow
    gives them; only the sandbox's own are looked at."""
    titles = {}
    for one in keeper_of_the_scheduler(sandbox).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            titles[" ".join(one.cmdline())] = one
    (supervisor,) = (one for title, one in titles.items() if f"Executor: {instance['id']}" in title)
    (task,) = (one for title, one in titles.items() if f"-- {instance['id']}" in title)
    assert task.ppid() == supervisor.pid
    return supervisor, task


@pytest.mark.parametrize(("task", "victims"), CASES)
def test_killed(
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
    method, moment = MOMENTS[task]
    mine = f"*/{made.name}*"
    faults.hang(method, resource=mine, **moment)
    if task == "update_traffic":
        faults.delay_operation("deploy_model", DEPLOY_SECONDS, resource=mine)
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
            supervisor.kill()  # First: it would tell of the other's end.
        if victims != "supervisor":
            process.kill()
        faults.disarm()  # Who is left has lost its answer, and goes on.
        airflow.run(dag_id)
    finally:
        # Without its supervisor nobody else ends it.
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
    for made_once in ("create_endpoint", "deploy_model"):
        assert len(faults.calls(method=made_once, resource=mine)) == 1, made_once
    assert not unsound(faults.traffic(endpoint=endpoint.name))


def test_a_scheduler_that_dies_is_started_again(
    model: Callable[..., Model], airflow: Airflow, sandbox: Sandbox, google: Google
) -> None:
    made = model()
    made.load(WEEK.end - timedelta(minutes=5))
    dag_id = f"{made.name}__train"
    airflow.start(dag_id)
    run_id = airflow.run(dag_id)["dag_run_id"]
    keeper = keeper_of_the_scheduler(sandbox)
    (scheduler,) = keeper.children()
    workers = scheduler.children(recursive=True)
    assert workers
    scheduler.kill()
    airflow.clear(dag_id, run_id)
    airflow.run(dag_id)
    assert len(google.versions(made.name)) == 2
    (another,) = keeper.children()
    assert another.pid != scheduler.pid
    assert not [one for one in workers if one.is_running()]
