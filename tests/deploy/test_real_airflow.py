"""The output of a real Airflow's command line is understood."""

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
    """Airflow's command line with the folders in `gcs`; its log precedes the output, as in pods."""

    def __init__(self, gcs: Path) -> None:
        self.environ = os.environ | {
            "AIRFLOW_HOME": str(gcs / "home"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(gcs / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(gcs / "plugins"),
            # SQLite: one command at a time reads it.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{gcs}/airflow.db",
        }

    def run(self, *arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "-I", "-m", "airflow", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ,
            check=False,
            timeout=120,
        )
        return result.stdout

    def airflow(self, command: str, subcommand: str, *parameters: str) -> list[dict[str, Any]]:
        printed = self.run(command, subcommand, *parameters, "--output", "json")
        rows = rows_of(printed)
        assert rows is not None, printed
        return rows


@pytest.fixture
def airflow(tmp_path: Path) -> CommandLine:
    (tmp_path / "dags").mkdir()
    command_line = CommandLine(tmp_path)
    command_line.run("db", "migrate")
    return command_line


def test_the_wait_ends_when_airflow_has_parsed_the_dags(
    airflow: CommandLine, tmp_path: Path, full_checkout: Path
) -> None:
    desired = desired_state(full_checkout)

    def wait(since: datetime) -> str:
        clock = iter((datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
        return wait_until_parsed(
            airflow,
            desired.entry_objects,
            desired.models,
            since,
            lambda: next(clock),
            lambda _: None,
        )

    start = datetime.now(UTC)
    for objects, message in (
        (
            desired.entry_objects,
            "titleholder_dags.py has an import error: ImportError: plugins/titleholder-",
        ),
        (desired.objects, ""),
    ):
        for name, content in objects.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        airflow.run("dag-processor", "--num-runs", "1")
        if message:
            with pytest.raises(ManualActionRequired, match=message):
                wait(start)
    assert "without import errors" in wait(start)
    with pytest.raises(
        ManualActionRequired, match="Airflow has not parsed linnerud__train, linnerud__rollout"
    ):
        wait(datetime.now(UTC) + timedelta(minutes=1))
