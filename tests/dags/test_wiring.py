"""The DAG files, without running a task."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from tests.conftest import DAGS_FOLDER, REPOSITORY


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(DAGS_FOLDER))


def scheduled(dag: Any) -> Any:
    """The DAG as the scheduler deserializes it."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))


def test_the_example_has_two_dags_without_import_errors(bag: DagBag) -> None:
    assert set(bag.dags) == {"linnerud__rollout", "linnerud__train"}
    assert bag.import_errors == {}


def test_the_weekly_dag(bag: DagBag) -> None:
    dag = bag.dags["linnerud__train"]
    order = ["check_freshness", "submit_pipeline", "wait_for_pipeline", "update_traffic"]
    assert [task.task_id for task in dag.topological_sort()] == order
    for before, after in itertools.pairwise(order):
        assert dag.task_dict[before].downstream_task_ids == {after}
    assert dag.max_active_runs == 1
    assert not dag.catchup
    assert "linnerud" in dag.tags
    assert dag.doc_md
    for task in dag.tasks:
        assert task.owner == "ml-platform"
        assert task.on_failure_callback
    assert dag.on_failure_callback


def test_the_rollout_dag_of_a_model_with_a_duel(bag: DagBag) -> None:
    order = ["observe", "submit_duel", "wait_for_duel", "decide", "update_traffic"]
    with changed(watch=None) as other:
        unwatched = other.dags["linnerud__rollout"]
        assert [task.task_id for task in unwatched.topological_sort()] == order
    dag = bag.dags["linnerud__rollout"]
    watching = {"submit_watch", "wait_for_watch", "watch_champion", "retrain"}
    assert set(dag.task_ids) == {*order, *watching}
    after_observe = {"submit_duel", "submit_watch", "update_traffic"}
    assert dag.task_dict["observe"].downstream_task_ids == after_observe
    # Nothing that changes the endpoint waits for the watching.
    assert not watching & dag.task_dict["update_traffic"].get_flat_relative_ids(upstream=True)
    assert dag.task_dict["watch_champion"].upstream_task_ids == {"wait_for_watch"}
    assert dag.task_dict["watch_champion"].downstream_task_ids == {"retrain"}
    assert dag.task_dict["update_traffic"].upstream_task_ids == {"observe", "decide"}
    assert not dag.catchup
    assert dag.max_active_runs > 1, "a triggered run does not wait for a duel"
    assert dag.params["intent"] == "evaluate"
    assert scheduled(dag).timetable.summary == "0 5 * * *"


@contextmanager
def changed(**sections: Any) -> Iterator[DagBag]:
    """The DAGs of the example with other sections; None leaves one out."""
    path = DAGS_FOLDER / "models" / "linnerud.yaml"
    raw = path.read_text()
    path.write_text(yaml.safe_dump({**yaml.safe_load(raw), **sections}))
    try:
        yield DagBag(str(DAGS_FOLDER))
    finally:
        path.write_text(raw)


def test_the_form_accepts_its_defaults(bag: DagBag) -> None:
    forms = [dag.params for dag in bag.dags.values()]
    fields = [form.get_param(name) for form in forms for name in form]
    assert len(fields) >= 6
    for field in fields:
        field.resolve()  # validates the schema and the default
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert not any(task.params for task in tasks), "each task has a copy of the form"


def test_a_deadline_only_where_the_file_has_one(bag: DagBag) -> None:
    """`airflow dags test` cannot end a run of a DAG that has one."""
    assert bag.dags["linnerud__train"].deadline is None
    alerts = {"late_after": "2h", "email": ["a@example.com"]}
    with changed(alerts=alerts) as other:
        for name in ("linnerud__train", "linnerud__rollout"):
            (alert,) = other.dags[name].deadline
            assert alert.interval == timedelta(hours=2)
            # Airflow cannot clear a run whose deadline counts from its queueing (#70368).
            assert alert.reference.reference_name == "AverageRuntimeDeadline"
            assert alert.callback.path == "titleholder.alerts.notifier.AlertNotifier"
            assert alert.callback.kwargs["email"] == ["a@example.com"]
            assert scheduled(other.dags[name]).deadline


def test_the_rollout_dag_of_a_model_without_a_duel() -> None:
    with changed(duel=None, watch=None) as other:
        dag = other.dags["linnerud__rollout"]
    assert [task.task_id for task in dag.topological_sort()] == ["observe", "update_traffic"]
    assert not scheduled(dag).timetable.can_be_scheduled
    assert "evaluate" not in dag.params.get_param("intent").schema["enum"]


def test_the_data_interval_is_the_week_before_monday_at_three(bag: DagBag) -> None:
    dag = scheduled(bag.dags["linnerud__train"])
    info = dag.next_dagrun_info(last_automated_run_info=None)
    assert info is not None
    assert info.data_interval.end - info.data_interval.start == timedelta(days=7)
    assert info.data_interval.end.weekday() == 0
    assert info.data_interval.end.hour == 3
    assert info.run_after == info.data_interval.end


@pytest.mark.parametrize("or_time", [False, True])
def test_a_schedule_by_assets_keeps_the_weeks(or_time: bool) -> None:
    """For backfills, whose runs Airflow makes as this does."""
    assets = ["orders", "bigquery://p/d/t"]
    with changed(schedule={"cron": "0 0 * * 1", "assets": assets, "or_time": or_time}) as other:
        dag = scheduled(other.dags["linnerud__train"])
    expected = {"all": [{"asset_ref": {"name": "orders"}}, {"asset_ref": {"uri": assets[1]}}]}
    assert dag.timetable.asset_condition.as_expression() == expected
    assert dag.timetable.periodic
    start = datetime(2026, 11, 2, tzinfo=UTC)
    weeks = dag.iter_dagrun_infos_between(start, start + timedelta(weeks=2))
    assert [info.data_interval.start for info in weeks] == [
        start + timedelta(weeks=number) for number in range(3)
    ]
    following = dag.next_dagrun_info(last_automated_run_info=None)
    assert following is not None
    # An early training is triggered by an operator.
    allowed = {"asset_triggered", "backfill", "operator_triggered"}
    assert set(dag.allowed_run_types or ()) == (set() if or_time else allowed)
    in_years = timedelta(days=36_500)
    assert (following.run_after - datetime.now(UTC) < in_years) == or_time


def test_what_the_champion_is_watched_for_decides_on_the_tasks() -> None:
    with changed(watch={"on_decay": "undo_promotion"}) as other:
        dag = other.dags["linnerud__rollout"]
        assert "retrain" not in dag.task_ids
        assert dag.task_dict["undo_promotion"].upstream_task_ids == {"watch_champion"}
    with changed(watch={"retrain_on": ["decay"]}) as other:
        train = scheduled(other.dags["linnerud__train"])
        assert "retrain" in other.dags["linnerud__rollout"].task_ids
    # No run by time, but early ones and backfills.
    assert "operator_triggered" in (train.allowed_run_types or ())
    assert "manual" not in (train.allowed_run_types or ())
    following = train.next_dagrun_info(last_automated_run_info=None)
    assert following is not None
    assert following.run_after - datetime.now(UTC) > timedelta(days=36_500)


@pytest.fixture
def broken() -> Iterator[Path]:
    path = DAGS_FOLDER / "models" / "broken.yaml"
    path.write_text("model: broken\nshedule: '0 3 * * 1'\n")
    yield path
    path.unlink()


def test_a_broken_model_is_an_import_error_and_the_others_load(broken: Path) -> None:
    bag = DagBag(str(DAGS_FOLDER))
    assert set(bag.dags) == {"linnerud__rollout", "linnerud__train"}
    (error,) = bag.import_errors.values()
    assert "broken.yaml:2: shedule: is not a key; did you mean schedule?" in error
    assert "broken.yaml:1: owner: is missing; add it" in error


def test_staging_has_dags_of_its_own() -> None:
    path = DAGS_FOLDER / "models" / "linnerud-staging.yaml"
    path.write_text(
        "model: linnerud-staging\nextends: linnerud\nendpoint: {display_name: staging}\nduel:\n"
        "watch:\n"
    )
    try:
        bag = DagBag(str(DAGS_FOLDER))
    finally:
        path.unlink()
    assert bag.import_errors == {}
    train = bag.dags["linnerud-staging__train"]
    assert train.task_ids == bag.dags["linnerud__train"].task_ids
    assert {task.config.endpoint.display_name for task in train.tasks} == {"staging"}
    assert bag.dags["linnerud-staging__rollout"].task_ids == ["observe", "update_traffic"]
    assert len(bag.dags) == 4


@pytest.mark.parametrize("folder", [".", "dags"])
def test_the_dag_file_runs_as_a_script(folder: str) -> None:
    """Airflow's usual smoke test of a DAG file, with the interpreter of `make setup` alone."""
    done = subprocess.run(
        [sys.executable, os.path.relpath("dags/titleholder_dags.py", folder)],
        cwd=REPOSITORY / folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_parsing_imports_no_heavy_library() -> None:
    """Every task imports the DAG file when it starts."""
    code = (
        "import sys; import airflow.sdk; import runpy; before = set(sys.modules);"
        f"runpy.run_path({str(DAGS_FOLDER / 'titleholder_dags.py')!r});"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}"
        " | {m for m in set(sys.modules) - before if m.startswith('google.cloud')}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")},
    )
    imported = done.stdout.strip().splitlines()[-1]
    for heavy in ("google.cloud", "pandas", "sklearn", "kfp", "pyarrow", "sandbox", "numpy"):
        assert f"'{heavy}" not in imported, imported
