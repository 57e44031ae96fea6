"""A real Airflow beside the services: scheduler, DAG processor, triggerer and UI."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

from sandbox.services.processes import inherited
from sandbox.services.services import Service
from sandbox.state import LOOPBACK, State, addresses, airflow_settings, bucket


def environment(home: Path, state: State, dags: Path | None = None) -> dict[str, str]:
    """What Airflow's processes, and DAG runs without them, need to work on this project against the
    sandbox: the settings, and the keys that the processes share.

    `home` becomes AIRFLOW_HOME; `dags` is the DAG folder, by default this repository's.
    """
    return {
        **addresses(state),
        **airflow_settings(home, state, dags),
        "TITLEHOLDER_PIPELINE_ROOT": f"gs://{bucket(state)}/pipelines",
        **_secrets(home),
    }


def parts(environ: dict[str, str], state: State) -> list[Service]:
    """Airflow's processes, the API server first: the others and every task talk to it."""
    airflow = [sys.executable, "-m", "airflow"]
    # One that fails sooner than this cannot start.
    again = [sys.executable, "-m", "sandbox.services.restart", "10"]
    port = str(state.ports["airflow"])
    ui = f"http://{LOOPBACK}:{port}/api/v2"
    return [
        Service(
            "airflow",
            "Airflow UI and API",
            [
                *(sys.executable, "-m", "sandbox.services.browser_guard", "airflow", "api-server"),
                *("--host", LOOPBACK, "--port", port, "--workers", "1"),
            ],
            [f"{ui}/version"],
            environ,
            lambda: _migrated(environ),
        ),
        *(
            Service(
                f"airflow-{name}",
                f"Airflow {name}",
                command,
                [f"{ui}/monitor/health#{name.replace('-', '_')}"],
                environ,
            )
            # Else they serve their logs on every interface; the UI reads the files.
            for name, command in (
                ("scheduler", [*again, *airflow, "scheduler", "--skip-serve-logs"]),
                ("dag-processor", [*airflow, "dag-processor"]),
                ("triggerer", [*airflow, "triggerer", "--skip-serve-logs"]),
            )
        ),
    ]


def migrate(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start to bring the metadata database up to date; it takes some seconds."""
    return subprocess.Popen(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env={**inherited(), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _migrated(environ: dict[str, str]) -> None:
    if migrate(environ).wait() != 0:
        raise OSError(
            "`airflow db migrate` failed; run it by hand with AIRFLOW_HOME="
            f"{environ['AIRFLOW_HOME']} to see why"
        )


def _secrets(home: Path) -> dict[str, str]:
    """The keys that Airflow's processes share, made once and readable by their owner only."""
    names = ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")
    path = home / "secrets.env"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            # RFC 7518 wants 64 bytes for SHA-512, with which Airflow signs.
            file.writelines(f"{name}={secrets.token_urlsafe(64)}\n" for name in names)
    return dict(line.split("=", 1) for line in path.read_text().split())
