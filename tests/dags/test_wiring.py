"""What the DAG files promise, without running anything."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.conftest import DAGS_FOLDER, REPOSITORY


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(DAGS_FOLDER))


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


def test_its_interval_is_seven_days_that_end_on_monday_at_three(bag: DagBag) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.deserialize_dag(
        DagSerialization.serialize_dag(bag.dags["linnerud__train"])
    )
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


def test_parsing_imports_no_heavy_library() -> None:
    """A task's start pays for every import of the DAG file."""
    code = (
        "import sys; import airflow.sdk; import runpy; before = set(sys.modules);"
        f"runpy.run_path({str(DAGS_FOLDER / 'titleholder.py')!r});"
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
