"""What a real Airflow's command line answers about a deployment is understood."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.airflow import wait_until_parsed
from deploy.checkout import desired_state
from deploy.composer import rows_of
from titleholder.errors import ManualActionRequired

pytestmark = pytest.mark.long


class CommandLine:
    """Airflow's, on the folders under `gcs`; its log comes before what it prints, as in a pod."""

    def __init__(self, gcs: Path) -> None:
        self.environ = os.environ | {
            "AIRFLOW_HOME": str(gcs / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(gcs / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(gcs / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{gcs}/airflow.db",
        }

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "airflow", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ,
            check=False,
            timeout=120,
        )
        return done.stdout

    def airflow(self, command: str, subcommand: str, *parameters: str) -> list[dict[str, Any]]:
        printed = self.run(command, subcommand, *parameters, "--output", "json")
        rows = rows_of(printed)
        assert rows is not None, printed
        return rows


@pytest.fixture
def airflow(tmp_path: Path) -> CommandLine:
    (tmp_path / "dags").mkdir()
    made = CommandLine(tmp_path)
    made.run("db", "migrate")
    return made


def test_parsed_and_not_parsed(airflow: CommandLine, tmp_path: Path, whole: Path) -> None:
    want = desired_state(whole)

    def ask(since: datetime) -> str:
        clock = iter((datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
        return wait_until_parsed(
            airflow, want.switch, want.models, since, lambda: next(clock), lambda _: None
        )

    began = datetime.now(UTC)
    for objects, told in (
        (want.switch, "titleholder_dags.py has an import error: ImportError: plugins/titleholder-"),
        (want.objects, ""),
    ):
        for name, content in objects.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        airflow.run("dag-processor", "--num-runs", "1")
        if told:
            with pytest.raises(ManualActionRequired, match=told):
                ask(began)
    assert "without import errors" in ask(began)
    with pytest.raises(
        ManualActionRequired, match="Airflow has not parsed linnerud__train, linnerud__rollout"
    ):
        ask(datetime.now(UTC) + timedelta(minutes=1))
