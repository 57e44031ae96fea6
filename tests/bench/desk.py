"""A sandbox with a real Airflow, and models of one's own, for what is measured in both."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from sandbox import linnerud
from sandbox.processes import free_port
from tests.bench.measuring import REPOSITORY
from tests.bench.sandbox import Sandbox, running
from titleholder.interval import last_complete

MONDAY = last_complete("0 3 * * 1", datetime.now(UTC)).end
WEEK = timedelta(weeks=1)
SECONDS = 3_600


@dataclass(frozen=True)
class Desk:
    """A `sandbox` whose Airflow answers at `api` and has the DAG folder `dags`."""

    sandbox: Sandbox
    api: httpx.Client
    dags: Path

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Airflow's answer; asked again while its SQLite is being written to."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            answer = self.api.request(method, path, json=body)
            if answer.status_code != 503 and '"Database error"' not in answer.text:
                if answer.status_code >= 400:
                    raise RuntimeError(f"{method} {path}: {answer.text}")
                return answer.json() if answer.content else None
            time.sleep(0.2)
        raise TimeoutError(f"{method} {path}")

    def wait(self, look: Callable[[], Any]) -> Any:
        """What `look` finds, once it is something."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.2)
        raise TimeoutError("waited for an hour")

    def add(self, name: str, **changes: Any) -> str:
        """A model like the example's with those sections changed; the id of its weekly DAG."""
        raw = yaml.safe_load((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
        endpoint = {"display_name": name, "create": True}
        raw |= {"model": name, "endpoint": endpoint, "start_date": "2020-01-06", **changes}
        (self.dags / "models" / f"{name}.yaml").write_text(yaml.safe_dump(raw))
        return f"{name}__train"

    def start(self, dag_id: str) -> None:
        """Unpause the DAG, as soon as the DAG processor has it."""
        self.wait(lambda: self.api.get(f"/dags/{dag_id}").status_code == 200)
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, back: int | None = None) -> str:
        """Start a run, of the week that began `back` weeks before the last Monday; its id."""
        date = None if back is None else (MONDAY - back * WEEK).isoformat()
        return str(
            self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": date})["dag_run_id"]
        )

    def ended(self, dag_id: str, run_id: str) -> float:
        """The seconds that the run took, once it has succeeded."""

        def look() -> Any:
            run = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
            return run if run["state"] in ("success", "failed") else None

        run = self.wait(look)
        if run["state"] != "success":
            raise RuntimeError(f"{run_id} of {dag_id} failed")
        begun, ended = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
        return (ended - begun).total_seconds()

    def slots(self) -> list[float]:
        """How long each start of a worker held its slot so far, in seconds, as the executor logs
        it."""
        log = (self.sandbox.var / "logs" / "airflow-scheduler.log").read_text()
        return [
            float(found) for found in re.findall(r"Workload finished .*?duration=([\d.]+)", log)
        ]

    def cpu(self) -> float:
        """Seconds of processor of every process of the sandbox's, and of those that they started
        and waited for."""
        state = json.loads((self.sandbox.var / "sandbox.json").read_text())
        whole = 0.0
        for part in state["processes"].values():
            for process in (root := psutil.Process(part["pid"]), *root.children(recursive=True)):
                try:
                    whole += sum(process.cpu_times()[:4])
                except psutil.NoSuchProcess:
                    continue
        return whole


@contextmanager
def desk(home: Path, weeks: int, templates: Path | None = None) -> Iterator[Desk]:
    """With the example's data of that many weeks; `templates` is a folder of compiled pipelines."""
    dags = home / "dags"
    shutil.copytree(REPOSITORY / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    (dags / "models" / "linnerud.yaml").unlink()
    port = free_port(None)
    also = {"TITLEHOLDER_PIPELINES": str(templates)} if templates else {}
    arguments = ("--airflow", "--dags", str(dags), "--port", f"airflow={port}")
    with running(home, *arguments, **also) as sandbox:
        with sandbox.bigquery() as client:
            linnerud.load(client, datetime.now(UTC), count=weeks)
        base = f"http://127.0.0.1:{port}"
        token = httpx.get(f"{base}/auth/token").json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{base}/api/v2", headers=headers, timeout=60) as api:
            yield Desk(sandbox, api, dags)
