"""What the DAG files promise, without running anything."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
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
    """The DAG as the scheduler knows it."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))


def test_the_example_is_there_and_nothing_is_broken(bag: DagBag) -> None:
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


def test_the_rollout_of_a_model_with_duels(bag: DagBag) -> None:
    dag = bag.dags["linnerud__rollout"]
    order = ["observe", "submit_duel", "wait_for_duel", "decide", "update_traffic"]
    assert [task.task_id for task in dag.topological_sort()] == order
    assert dag.task_dict["observe"].downstream_task_ids == {"submit_duel", "update_traffic"}
    assert dag.task_dict["update_traffic"].upstream_task_ids == {"observe", "decide"}
    assert not dag.catchup
    assert dag.max_active_runs > 1, "a person's wish does not wait for a duel"
    assert dag.params["intent"] == "judge"
    assert scheduled(dag).timetable.summary == "0 5 * * *"


@contextmanager
def changed(**sections: Any) -> Iterator[DagBag]:
    """The example with other sections; None leaves one out."""
    path = DAGS_FOLDER / "models" / "linnerud.yaml"
    raw = path.read_text()
    path.write_text(yaml.safe_dump({**yaml.safe_load(raw), **sections}))
    try:
        yield DagBag(str(DAGS_FOLDER))
    finally:
        path.write_text(raw)


def test_the_default_of_every_field_is_one_that_its_form_takes(bag: DagBag) -> None:
    forms = [dag.params for dag in bag.dags.values()]
    fields = [form.get_param(name) for form in forms for name in form]
    assert len(fields) >= 6
    for field in fields:
        field.resolve()  # by its schema, which is checked as well
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert not any(task.params for task in tasks), "a copy of the form in each task"


def test_a_deadline_only_where_the_file_has_one(bag: DagBag) -> None:
    """`airflow dags test` cannot end a run of a DAG that has one."""
    assert bag.dags["linnerud__train"].deadline is None
    alerts = {"late_after": "2h", "email": ["a@example.com"]}
    with changed(alerts=alerts) as other:
        for name in ("linnerud__train", "linnerud__rollout"):
            (alert,) = other.dags[name].deadline
            assert alert.interval == timedelta(hours=2)
            # Airflow clears no run whose deadline counts from when it was queued (#70368).
            assert alert.reference.reference_name == "AverageRuntimeDeadline"
            assert alert.callback.path == "titleholder.alerts.notifier.AlertNotifier"
            assert alert.callback.kwargs["email"] == ["a@example.com"]
            assert scheduled(other.dags[name]).deadline


def test_the_rollout_of_a_model_without_duels() -> None:
    with changed(duel=None) as other:
        dag = other.dags["linnerud__rollout"]
    assert [task.task_id for task in dag.topological_sort()] == ["observe", "update_traffic"]
    assert not scheduled(dag).timetable.can_be_scheduled
    assert "judge" not in dag.params.get_param("intent").schema["enum"]


def test_its_interval_is_seven_days_that_end_on_monday_at_three(bag: DagBag) -> None:
    dag = scheduled(bag.dags["linnerud__train"])
    info = dag.next_dagrun_info(last_automated_run_info=None)
    assert info is not None
    assert info.data_interval.end - info.data_interval.start == timedelta(days=7)
    assert info.data_interval.end.weekday() == 0
    assert info.data_interval.end.hour == 3
    assert info.run_after == info.data_interval.end


@pytest.fixture
def broken() -> Iterator[Path]:
    path = DAGS_FOLDER / "models" / "broken.yaml"
    path.write_text("model: broken\nshedule: '0 3 * * 1'\n")
    yield path
    path.unlink()


def test_a_broken_model_is_told_and_the_others_load(broken: Path) -> None:
    bag = DagBag(str(DAGS_FOLDER))
    assert set(bag.dags) == {"linnerud__rollout", "linnerud__train"}
    (told,) = bag.import_errors.values()
    assert "broken.yaml: shedule: is not a key; remove it or mend its spelling" in told
    assert "broken.yaml: owner: is missing; add it" in told


def test_staging_has_dags_of_its_own() -> None:
    path = DAGS_FOLDER / "models" / "linnerud-staging.yaml"
    path.write_text(
        "model: linnerud-staging\nbased_on: linnerud\nendpoint: {display_name: staging}\nduel:\n"
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


def test_parsing_imports_no_heavy_library() -> None:
    """A task's start pays for every import of the DAG file."""
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
