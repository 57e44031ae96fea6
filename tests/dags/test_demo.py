"""The output of the sandbox's demo for a broken model, a missing DAG and a skipped task."""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.replay import pipeline_progress
from sandbox.replay.dag_runner import NoSuchDag, find_dag
from sandbox.replay.run_report import RunReport
from sandbox.state import Home
from sandbox.terminal import Terminal
from tests.conftest import REPOSITORY, Sandbox
from tests.dags.conftest import LAST_MONDAY, Model
from tests.terminal import PLAIN


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
        timeout=600,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "linnerud.yaml:1: owner: is missing; add it",
        "linnerud.yaml:5: ownr: is not a key; did you mean owner?",
        f"More is in {var}/logs/run.log",
    ]
    assert "seeded" not in done.stdout


def test_a_dag_that_does_not_exist(airflow_home: Path) -> None:
    with pytest.raises(NoSuchDag, match=r"missing__train is not there: .* add its YAML file"):
        find_dag("missing__train")


def test_the_reason_of_a_skipped_task_is_printed(
    model: Callable[..., Model], sandbox: Sandbox
) -> None:
    made = model()
    made.set_parameters(score=49.99)
    text = io.StringIO()
    runs = RunReport(Home(sandbox.var).load(), Terminal(text))
    assert runs.run_interval(f"{made.name}__train", LAST_MONDAY)
    (line,) = [one for one in text.getvalue().splitlines() if "update_traffic" in one]
    assert line.startswith(f"  update_traffic     skipped: {made.name}: the model of ")
    assert "scored 49.99, under the gate of 50; nothing was registered" in line


class Tty(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_task_that_runs_and_its_pipeline_tasks(
    model: Callable[..., Model], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PLAIN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(pipeline_progress, "_SECONDS", 0.05)
    made, text = model(), Tty()
    runs = RunReport(Home(sandbox.var).load(), Terminal(text))
    assert runs.run_interval(f"{made.name}__train", LAST_MONDAY)
    shown = text.getvalue()
    for task in ("check_freshness", "submit_pipeline", "wait_for_pipeline", "update_traffic"):
        assert shown.count(task) > 1, "on the line of the spinner, and with the result"
    assert re.search(r"wait_for_pipeline +\d+ pipeline tasks? done", shown)
    assert shown.count("✓") == 4
