"""A sandbox for a table, always stopped at the end."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from tests.bench.measuring import REPOSITORY, environment

ANONYMOUS = AnonymousCredentials()


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its folder, and the variables of its `sandbox.env`."""

    var: Path
    env: dict[str, str]

    @property
    def project(self) -> str:
        """Its project."""
        return self.env["GOOGLE_CLOUD_PROJECT"]

    @property
    def airflow(self) -> str:
        """The address of its Airflow, if it was started with one."""
        ports = json.loads((self.var / "sandbox.json").read_text())["ports"]
        return f"http://127.0.0.1:{ports['airflow']}"

    def pid(self, service: str) -> int:
        """The process id of that service."""
        return int(self._processes[service]["pid"])

    def services(self) -> list[str]:
        """Every service with a process."""
        return list(self._processes)

    @property
    def _processes(self) -> dict[str, Any]:
        return dict(json.loads((self.var / "sandbox.json").read_text())["processes"])

    def options(self, service: str) -> dict[str, Any]:
        """Options of a Google client for the emulator `service`: BIGQUERY, STORAGE or VERTEX_AI."""
        endpoint = self.env[f"{service}_EMULATOR_HOST"]
        return {"client_options": {"api_endpoint": endpoint}, "credentials": ANONYMOUS}

    def bigquery(self) -> bigquery.Client:
        """BigQuery's client."""
        return bigquery.Client(self.project, **self.options("BIGQUERY"))

    def bucket(self) -> storage.Bucket:
        """The sandbox's bucket."""
        name = f"{self.project}-titleholder"
        return storage.Client(self.project, **self.options("STORAGE")).bucket(name)


@contextmanager
def running(home: Path, *arguments: str, **variables: str) -> Iterator[Sandbox]:
    """`python -m sandbox up` with these arguments and variables, in a folder of `home`."""
    var = home / "var"
    try:
        _cli(home, var, variables, "up", *arguments)
        lines = shlex.split((var / "sandbox.env").read_text())
        yield Sandbox(var, dict(line.split("=", 1) for line in lines))
    finally:
        _cli(home, var, {}, "down")


def _cli(home: Path, var: Path, variables: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "sandbox", "--var", str(var), *arguments]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stdout}{done.stderr}")
