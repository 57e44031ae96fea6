"""Airflow in the sandbox: scheduler, DAG processor, triggerer, API server with the UI."""

import os
import secrets
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from sandbox.services.postgres import connect
from sandbox.services.processes import inherited
from sandbox.services.services import Service
from sandbox.state import LOOPBACK, Home, State, addresses, airflow_settings, bucket


def environment(home: Home, state: State, dags: Path | None = None) -> dict[str, str]:
    """The environment variables of Airflow's processes, and of DAG runs in this process: settings,
    addresses of the sandbox, and the secrets that Airflow's processes share.

    `dags` is the DAG folder, by default this repository's.
    """
    return {
        **addresses(state),
        **airflow_settings(home, state, dags),
        "TITLEHOLDER_PIPELINE_ROOT": f"gs://{bucket(state)}/pipelines",
        **_secrets(home.airflow),
    }


def enter_environment(home: Home, state: State, dags: Path | None = None) -> None:
    """Replace this process's environment variables by those of Airflow's processes."""
    environ = {
        **inherited(),
        **environment(home, state, dags and dags.resolve()),
        # The format of task logs, which Airflow's UI reads.
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
    }
    os.environ.clear()
    os.environ.update(environ)


def services(home: Home, environ: dict[str, str], state: State) -> list[Service]:
    """Airflow's processes. The API server is first: the others and every task call it."""
    python = [sys.executable, "-m"]
    port = str(state.ports["airflow"])
    ui = f"http://{LOOPBACK}:{port}/api/v2"
    return [
        Service(
            "airflow",
            "Airflow UI and API",
            [
                *(*python, "sandbox.services.guarded", "airflow", "api-server"),
                *("--host", LOOPBACK, "--port", port, "--workers", "1"),
            ],
            [f"{ui}/version"],
            environ,
            lambda: _migrate_or_fail(home, environ),
        ),
        *(
            Service(
                f"airflow-{name}",
                f"Airflow {name}",
                [*python, *command],
                [f"{ui}/monitor/health#{name.replace('-', '_')}"],
                environ,
            )
            # Without --skip-serve-logs they serve their logs on every network interface.
            for name, command in (
                ("scheduler", ["sandbox.services.scheduler", "--skip-serve-logs"]),
                ("dag-processor", ["airflow", "dag-processor"]),
                ("triggerer", ["airflow", "triggerer", "--skip-serve-logs"]),
            )
        ),
    ]


class Migration:
    """The migration of the metadata database, which takes some seconds, beside what this process
    does. There is none where this version of Airflow has made it before."""

    def __init__(self, home: Home, environ: dict[str, str]) -> None:
        self._stamp = home.data("postgres") / "migrated-by"
        self._version = version("apache-airflow")
        self._process: subprocess.Popen[bytes] | None = None
        if not (self._stamp.exists() and self._stamp.read_text() == self._version):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env={**inherited(), **environ},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def succeeded(self) -> bool:
        """Whether the database can be used, after the end of the migration."""
        if self._process is None:
            return True
        if self._process.wait() != 0:
            return False
        self._stamp.write_text(self._version)
        return True


def paused(home: Home) -> dict[str, bool]:
    """Whether each DAG that Airflow has read so far is paused, by DAG id."""
    with closing(connect(home.database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT dag_id, is_paused FROM dag WHERE NOT is_stale")
        return dict(cursor.fetchall())


def _migrate_or_fail(home: Home, environ: dict[str, str]) -> None:
    connect(home.database).close()
    if not Migration(home, environ).succeeded():
        raise OSError(
            f"`airflow db migrate` failed; run it by hand with the settings in {home.env_file} to "
            "see why"
        )


def _secrets(home: Path) -> dict[str, str]:
    """The secrets that Airflow's processes share, created once and readable by the owner only."""
    names = ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")
    path = home / "secrets.env"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            # Airflow signs with SHA-512, for which RFC 7518 requires 64 bytes.
            file.writelines(f"{name}={secrets.token_urlsafe(64)}\n" for name in names)
    return dict(line.split("=", 1) for line in path.read_text().split())
