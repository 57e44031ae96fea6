"""The settings of an environment: from the connection, else from environment variables."""

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
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of one Airflow to staging and production, in two projects."""
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


def test_settings_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    staging, production = Environment("staging"), Environment("production")
    assert (staging.project, staging.location) == ("acme-staging", "europe-west4")
    assert staging.pipeline_root == "gs://acme-staging-titleholder/pipelines"
    assert staging.qualified("wine.samples") == "acme-staging.wine.samples"
    assert (production.project, production.location) == ("acme-production", "us-central1")
    assert production.pipeline_root == "gs://acme-models/pipelines"

    monkeypatch.setenv("TITLEHOLDER_PIPELINE_ROOT", "gs://all/here")
    assert Environment("staging").pipeline_root == "gs://all/here"
    assert production.pipeline_root == "gs://acme-models/pipelines"


def test_settings_of_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_invalid_settings_of_a_connection() -> None:
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
def test_a_table_name_is_validated_before_it_is_part_of_a_query(table: str) -> None:
    with pytest.raises(
        EnvironmentConfigError, match=r"is no name of a BigQuery table; write dataset\.table"
    ):
        Environment("staging").qualified(table)


def test_the_project_of_a_table_name_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme`.x")
    with pytest.raises(EnvironmentConfigError, match="is no name of a BigQuery table"):
        Environment("bare").qualified("wine.samples")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "example.com:acme-old")
    assert Environment("bare").qualified("wine.samples") == "example.com:acme-old.wine.samples"
    assert Environment("bare").qualified("example.com:acme-new.w.s") == "example.com:acme-new.w.s"


# A secrets backend without secrets, which writes each name to a file.
BACKEND = """
from airflow.secrets import BaseSecretsBackend

class RecordingBackend(BaseSecretsBackend):
    def get_connection(self, conn_id, team_name=None):
        self.note("connection", conn_id)
    def get_variable(self, key, team_name=None):
        self.note("variable", key)
    def note(self, *what):
        with open({lookups!r}, "a") as file:
            print(*what, file=file)
"""
PARSE = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
lookups, *folders = sys.argv[1:]
for folder in folders:
    bag = DagBag(folder)
    found = [open(lookups).read() if os.path.exists(lookups) else ""]
    print(json.dumps([sorted(bag.dags), [*bag.import_errors.values()], *found]))
"""


def test_parsing_uses_no_connection_no_variable_and_no_database(tmp_path: Path) -> None:
    """One process parses both folders as Airflow does, without a metadata database."""
    lookups, dags = tmp_path / "lookups", tmp_path / "dags"
    (tmp_path / "recording.py").write_text(BACKEND.format(lookups=str(lookups)))
    dags.mkdir()
    (dags / "variable.py").write_text(
        "from airflow.sdk import DAG, Variable\nVariable.get('region', default='x')\n"
        "dag = DAG('variable', schedule=None)\n"
    )
    (dags / "database.py").write_text(
        "from sqlalchemy import text\nfrom airflow.utils.session import create_session\n"
        "from airflow.sdk import DAG\n"
        "with create_session() as session:\n    session.execute(text('SELECT 1'))\n"
    )
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "GOOGLE"))}
    result = subprocess.run(
        [sys.executable, "-c", PARSE, str(lookups), str(REPOSITORY / "dags"), str(dags)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=own
        | {
            "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{tmp_path}",
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "none"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////proc/nowhere/airflow.db",
            "AIRFLOW__SECRETS__BACKEND": "recording.RecordingBackend",
        },
    )
    ours, others = (json.loads(line) for line in result.stdout.splitlines() if line[:2] == "[[")
    assert ours == [["linnerud__rollout", "linnerud__train"], [], ""]
    assert others[2] == "variable region\n", others
    assert "unable to open database file" in str(others[1])


FRUGAL = """
import os, sys
from titleholder.gcp.environment import Environment
from titleholder.gcp.loopback import VERTEX_AI, credentials_for
found = Environment.of_command_line("staging", os.environ)
print(found.project, found.location, type(credentials_for(VERTEX_AI, found)).__name__)
print(type(found.credentials).__name__, [name for name in sys.modules if name == "airflow"])
"""


def test_the_command_line_reads_a_plain_connection_without_airflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRUGAL],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ
        | {"PYTHONPATH": str(REPOSITORY / "plugins"), "VERTEX_AI_EMULATOR_HOST": "http://[::1]:9"},
    )
    assert done.stdout.splitlines() == [
        "acme-staging europe-west4 AnonymousCredentials",
        "AnonymousCredentials []",
    ]


@pytest.mark.parametrize(
    "definition",
    [
        "google-cloud-platform://?extra__google_cloud_platform__project=acme",
        '{"conn_type": "google_cloud_platform", "extra": {"impersonation_chain": "a@b"}}',
        '{"conn_type": "google_cloud_platform", "extra": "{\\"key_path\\": \\"/key.json\\"}"}',
        '["no connection"]',
    ],
)
def test_another_connection_is_left_to_airflow(definition: str) -> None:
    environ = {"AIRFLOW_CONN_OTHER": definition}
    assert Environment.of_command_line("other", environ) == Environment("other")


def test_a_secrets_backend_is_left_to_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Environment.of_command_line("bare", os.environ)
    assert (plain.connection, plain.plain_extra) == ("bare", {"is_anonymous": True})
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "some.Backend")
    assert Environment.of_command_line("bare", os.environ) == Environment("bare")


def test_without_a_connection_the_credentials_are_googles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = {
        "type": "authorized_user",
        "client_id": "i",
        "client_secret": "s",
        "refresh_token": "t",
        "quota_project_id": "quota",
    }
    (tmp_path / "adc.json").write_text(json.dumps(user))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme")
    found = Environment.of_command_line("absent", os.environ)
    assert found == Environment(None)
    assert found.project == "acme"
    assert found.credentials.refresh_token == "t"
    # A connection without is_anonymous has the same credentials, with its own project.
    definition = '{"conn_type": "google_cloud_platform", "extra": {"project": "own"}}'
    found = Environment.of_command_line("plain", {"AIRFLOW_CONN_PLAIN": definition})
    assert (found.project, found.credentials.refresh_token) == ("own", "t")
