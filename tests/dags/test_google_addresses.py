"""The weekly DAG without any variable of an emulator: as on Composer, it calls Google's addresses
with TLS and the default credentials, which here lead to the sandbox."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.commands.run import last_intervals
from tests.conftest import REPOSITORY, run_sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A sandbox of the test's own, with the example's data."""
    try:
        started = run_sandbox(tmp_path, "up", "--example")
        assert started.returncode == 0, started.stderr
        yield tmp_path
    finally:
        run_sandbox(tmp_path, "reset")


def test_the_first_model_becomes_champion(var: Path) -> None:
    airflow = [sys.executable, "-m", "airflow"]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(var / "airflow-of-test"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Composer's own: a connection without any field.
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": '{"conn_type": "google_cloud_platform"}',
    }
    subprocess.run([*airflow, "db", "migrate"], env=environ, check=True, capture_output=True)
    (interval,) = last_intervals("0 3 * * 1", 1, datetime.now(UTC))
    run = [*airflow, "dags", "test", "linnerud__train", interval.end.isoformat()]
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--var", str(var), "exec", *run],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert "linnerud@1 is champion with 100 % of the traffic" in output, output[-5000:]
    assert re.search(r"champion +100 %  linnerud@1", run_sandbox(var, "status").stdout)
