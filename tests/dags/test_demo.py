"""The output of the sandbox's demo for a broken model, a missing DAG and a skipped task."""

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.replay.dag_runner import NoSuchDag, find_dag, run_interval
from tests.conftest import REPOSITORY, Sandbox
from tests.dags.conftest import LAST_MONDAY, Model


def test_the_errors_of_a_broken_yaml_file_are_printed(sandbox: Sandbox, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "dags", tmp_path / "dags")
    path = tmp_path / "dags" / "models" / "linnerud.yaml"
    path.write_text(path.read_text().replace("owner: ml-platform", "ownr: ml"))
    var = tmp_path / "var"
    shutil.copytree(sandbox.var, var, ignore=shutil.ignore_patterns("sandbox", "logs"))
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--var", var, "demo", "--dags", tmp_path / "dags"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "linnerud.yaml: owner: is missing; add it",
        "linnerud.yaml: ownr: is not a key; remove it or mend its spelling",
        f"More is in {var}/logs/run.log",
    ]
    assert "seeded" not in done.stdout


def test_a_dag_that_does_not_exist(airflow_home: Path) -> None:
    with pytest.raises(NoSuchDag, match=r"missing__train is not there: .* add its YAML file"):
        find_dag("missing__train")


def test_the_reason_of_a_skipped_task_is_printed(
    model: Callable[..., Model], tmp_path: Path
) -> None:
    made = model()
    made.set_parameters(score=49.99)
    terminal = io.StringIO()
    assert run_interval(f"{made.name}__train", LAST_MONDAY, terminal, tmp_path / "run.log")
    (line,) = [one for one in terminal.getvalue().splitlines() if "update_traffic" in one]
    assert line.startswith(f"  update_traffic     skipped: {made.name}: the model of ")
    assert "scored 49.99, under the gate of 50; nothing was registered" in line
