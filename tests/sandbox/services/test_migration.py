"""The migration of the local Airflow's database; the tests of the DAGs make real ones."""

from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.services.airflow import Migration, environment
from sandbox.services.postgres import connect
from sandbox.services.services import PORTS
from sandbox.state import Home, State
from tests.sandbox.database import serving

VERSION = version("apache-airflow")


def stamped(folder: Path, by: str) -> Home:
    """A sandbox whose database that version of Airflow migrated."""
    home = Home(folder)
    home.data("postgres").mkdir(mode=0o700, parents=True)
    (home.data("postgres") / "migrated-by").write_text(by)
    return home


def test_a_database_is_migrated_once_by_a_version(tmp_path: Path) -> None:
    assert Migration(stamped(tmp_path, VERSION), {}).succeeded(), "no server is asked"


@pytest.mark.long
def test_a_database_of_another_version_is_migrated(tmp_path: Path) -> None:
    home = stamped(tmp_path, "3.0.0")
    environ = environment(home, State(ports=dict.fromkeys(PORTS, 1)))
    assert not Migration(home, environ).succeeded(), "there is no server"
    assert (home.data("postgres") / "migrated-by").read_text() == "3.0.0"
    with serving(home):
        assert Migration(home, environ).succeeded()
        with closing(connect(home.database)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM alembic_version")
            assert cursor.fetchall() == [(1,)]
    assert (home.data("postgres") / "migrated-by").read_text() == VERSION
