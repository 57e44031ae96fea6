"""What `python -m sandbox demo` says of a DAG that is not there, and of a run."""

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


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("owner: ml-platform", "", ["linnerud.yaml: owner: is missing; add it"]),
        (
            "owner: ml-platform",
            "ownr: me",
            [
                "linnerud.yaml: owner: is missing; add it",
                "linnerud.yaml: ownr: is not a key; remove it or mend its spelling",
            ],
        ),
    ],
)
def test_a_broken_yaml_file_is_told_in_its_sentences(
    sandbox: Sandbox, tmp_path: Path, old: str, new: str, says: list[str]
) -> None:
    shutil.copytree(REPOSITORY / "dags", tmp_path / "dags")
    path = tmp_path / "dags" / "models" / "linnerud.yaml"
    path.write_text(path.read_text().replace(old, new))
    var = tmp_path / "var"
    shutil.copytree(sandbox.var, var, ignore=shutil.ignore_patterns("sandbox", "logs"))
    told = subprocess.run(
        [sys.executable, "-m", "sandbox", "--var", var, "demo", "--dags", tmp_path / "dags"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.returncode == 1
    assert told.stderr.splitlines() == [*says, f"More is in {var}/logs/run.log"]
    assert "seeded" not in told.stdout


def test_a_dag_that_nothing_makes(airflow_home: Path) -> None:
    with pytest.raises(NoSuchDag, match=r"nobody__train is not there: .* add its YAML file"):
        find_dag("nobody__train")


def test_a_task_that_is_skipped_says_why(model: Callable[..., Model], tmp_path: Path) -> None:
    made = model()
    made.rewrite(score=49.99)
    terminal = io.StringIO()
    assert run_interval(f"{made.name}__train", LAST_MONDAY, terminal, tmp_path / "run.log")
    (line,) = [one for one in terminal.getvalue().splitlines() if "update_traffic" in one]
    assert line.startswith(f"  update_traffic     skipped: {made.name}: the model of ")
    assert "scored 49.99, under the gate of 50; nothing was registered" in line
