"""What differs from one environment to the next: from the connection, else from variables."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.environment import Environment


@pytest.fixture(autouse=True)
def two_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """One Airflow that serves staging and production, each in a project of its own."""
    for name, extra in (
        ("STAGING", {"project": "acme-staging", "location": "europe-west4"}),
        (
            "PRODUCTION",
            {"project": "acme-production", "pipeline_root": "gs://acme-models/pipelines/"},
        ),
        ("BARE", {}),
        ("WRONG", {"project": "p", "location": 4, "pipeline_root": "/tmp/x"}),
    ):
        value = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, **extra}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    monkeypatch.delenv("TITLEHOLDER_PIPELINE_ROOT", raising=False)
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")


def test_a_connection_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    staging, production = Environment("staging"), Environment("production")
    assert (staging.project, staging.location) == ("acme-staging", "europe-west4")
    assert staging.pipeline_root == "gs://acme-staging-titleholder/pipelines"
    assert staging.qualified("wine.samples") == "acme-staging.wine.samples"
    assert (production.project, production.location) == ("acme-production", "us-central1")
    assert production.pipeline_root == "gs://acme-models/pipelines"

    monkeypatch.setenv("TITLEHOLDER_PIPELINE_ROOT", "gs://all/here")
    assert Environment("staging").pipeline_root == "gs://all/here"
    assert production.pipeline_root == "gs://acme-models/pipelines"


def test_variables_say_it_for_a_connection_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        EnvironmentConfigError, match="no Google Cloud project: set it in the Airflow conn"
    ):
        _ = Environment("bare").project
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme")
    assert Environment("bare").project == "acme"
    assert Environment("bare").pipeline_root == "gs://acme-titleholder/pipelines"
    monkeypatch.delenv("GOOGLE_CLOUD_LOCATION")
    with pytest.raises(EnvironmentConfigError, match="no region: set GOOGLE_CLOUD_LOCATION"):
        _ = Environment("bare").location
    monkeypatch.setenv("COMPOSER_LOCATION", "europe-west1")
    assert Environment("bare").location == "europe-west1"


def test_what_a_connection_says_wrongly() -> None:
    with pytest.raises(
        EnvironmentConfigError, match="'wrong' has a location that is no text; write it in q"
    ):
        _ = Environment("wrong").location
    with pytest.raises(
        EnvironmentConfigError, match="the connection 'wrong' is '/tmp/x'; begin it with"
    ):
        _ = Environment("wrong").pipeline_root


@pytest.mark.parametrize(
    "table",
    ["wine.samples` --", "wine`.samples", "acme-a.wine.samples.more", "samples", "wine.sam ples"],
)
def test_every_name_of_a_table_is_checked_before_it_stands_in_a_query(table: str) -> None:
    with pytest.raises(
        EnvironmentConfigError, match=r"is no name of a BigQuery table; write dataset\.table"
    ):
        Environment("staging").qualified(table)


def test_the_project_is_part_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme`.x")
    with pytest.raises(EnvironmentConfigError, match="is no name of a BigQuery table"):
        Environment("bare").qualified("wine.samples")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "example.com:acme-old")
    assert Environment("bare").qualified("wine.samples") == "example.com:acme-old.wine.samples"
    assert Environment("bare").qualified("example.com:acme-new.w.s") == "example.com:acme-new.w.s"


# Looks a connection or variable up by leaving its name in a file, and has none.
BACKEND = """
from airflow.secrets import BaseSecretsBackend

class Watcher(BaseSecretsBackend):
    def get_connection(self, conn_id, team_name=None):
        self.note("connection", conn_id)
    def get_variable(self, key, team_name=None):
        self.note("variable", key)
    def note(self, *what):
        with open({asked!r}, "a") as file:
            print(*what, file=file)
"""
PARSE = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print(sorted(bag.dags), list(bag.import_errors.values()))
"""


@pytest.fixture
def parsed(tmp_path: Path):
    """Parses a DAG folder as Airflow does, with a metadata database that nobody can reach; what it
    found, and which connections and variables it asked for."""
    lookups = tmp_path / "asked"
    (tmp_path / "watching.py").write_text(BACKEND.format(lookups=str(lookups)))

    def parse(folder: Path) -> tuple[str, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "GOOGLE"))}
        result = subprocess.run(
            [sys.executable, "-c", PARSE, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env=environment
            | {
                "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{tmp_path}",
                "AIRFLOW_HOME": str(tmp_path / "airflow"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "none"),
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////proc/nowhere/airflow.db",
                "AIRFLOW__SECRETS__BACKEND": "watching.Watcher",
            },
        )
        return result.stdout.strip().splitlines()[-1], lookups.read_text() if lookups.exists() else ""

    return parse


def test_parsing_asks_for_no_connection_no_variable_and_no_database(parsed, tmp_path: Path) -> None:
    assert parsed(REPOSITORY / "dags") == ("['linnerud__rollout', 'linnerud__train'] []", "")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "theirs.py").write_text(
        "from airflow.sdk import DAG, Variable\nVariable.get('region', default='x')\n"
        "dag = DAG('theirs', schedule=None)\n"
    )
    (tmp_path / "dags" / "others.py").write_text(
        "from sqlalchemy import text\nfrom airflow.utils.session import create_session\n"
        "from airflow.sdk import DAG\n"
        "with create_session() as session:\n    session.execute(text('SELECT 1'))\n"
    )
    output, lookups = parsed(tmp_path / "dags")
    assert lookups == "variable region\n", output
    assert "unable to open database file" in output
