"""The migration of the local Airflow's database; the tests of the DAGs make real ones."""

from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.services.airflow import Migration


def migrate(home: Path, by: str) -> bool:
    """Migrate a database which is none, and which that version of Airflow migrated."""
    (home / "airflow.db").write_text("no database")
    (home / "migrated-by").write_text(by)
    return Migration({"AIRFLOW_HOME": str(home)}).succeeded()


def test_a_database_is_migrated_once_by_a_version(tmp_path: Path) -> None:
    assert migrate(tmp_path, version("apache-airflow"))
    assert (tmp_path / "airflow.db").read_text() == "no database"


@pytest.mark.long
def test_a_database_of_another_version_is_migrated(tmp_path: Path) -> None:
    assert not migrate(tmp_path, "3.0.0")
    assert (tmp_path / "migrated-by").read_text() == "3.0.0"
