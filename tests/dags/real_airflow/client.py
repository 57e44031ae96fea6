"""A real Airflow for tests: scheduler, triggerer, DAG processor and API server."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.next_steps import airflow_url
from sandbox.services.processes import free_port, stop
from sandbox.state import Home
from tests.conftest import DAGS_FOLDER, Sandbox, run_sandbox
from titleholder.data_intervals import last_complete

WEEK = last_complete("0 3 * * 1", datetime.now(UTC))
# A task is retried after a second instead of five minutes. In a file, as the sandbox's processes
# ignore Airflow's variables of the caller.
SETTINGS = """
[core]
default_task_retry_delay = 1
"""


class Airflow:
    """A client of Airflow's public API, which never answers with a server error; `wait` polls."""

    def __init__(self, base: str) -> None:
        token = httpx.get(f"{base}/auth/token").json()["access_token"]
        self.http = httpx.Client(
            base_url=f"{base}/api/v2",
            headers={"Authorization": f"Bearer {token}"},
            timeout=180,
            event_hooks={"response": [_no_server_error]},
        )

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.status_code < 400, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    def wait(self, what: str, poll: Callable[[], Any], seconds: float = 660) -> Any:
        """The first result of `poll` but None, False and []; AssertionError after that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = poll()
            if found not in (None, False, []):
                return found
            time.sleep(1)
        raise AssertionError(f"{what} did not happen within {seconds:.0f} s")

    def find(self, dag_id: str) -> None:
        """Wait until the DAG processor has found the DAG."""
        self.wait(dag_id, lambda: self.http.get(f"/dags/{dag_id}").status_code == 200)

    def start(self, dag_id: str) -> None:
        """Unpause the DAG as soon as the DAG processor has found it."""
        self.find(dag_id)
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, **params: object) -> httpx.Response:
        """Airflow's answer to a run triggered with these parameters."""
        body = {"logical_date": None, "conf": params}
        return self.http.post(f"/dags/{dag_id}/dagRuns", json=body)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear all tasks of the run, as a user does in the UI."""
        body = {"dry_run": False, "only_failed": False}
        self.call("POST", f"/dags/{dag_id}/dagRuns/{run_id}/clear", body)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]

    def run(self, dag_id: str, state: str = "success") -> dict[str, Any]:
        """The DAG's only run, once it has reached that state."""

        def poll() -> Any:
            found = [run for run in self.runs(dag_id) if run["state"] in (state, "failed")]
            return found[0] if found else None

        run = self.wait(f"a run of {dag_id} that is {state}", poll)
        assert run["state"] == state, self.failures(dag_id, run["dag_run_id"])
        return run

    def instances(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Airflow's task instances of a run, by task id."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return {ti["task_id"]: ti for ti in self.call("GET", path)["task_instances"]}

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task: ti["state"] for task, ti in self.instances(dag_id, run_id).items()}

    def failures(self, dag_id: str, run_id: str) -> list[tuple[str, str]]:
        """The tasks that failed, with the log of their last attempt."""
        return [
            (task, self.log(dag_id, run_id, task, ti["try_number"]))
            for task, ti in self.instances(dag_id, run_id).items()
            if ti["state"] == "failed"
        ]

    def links(self, dag_id: str, run_id: str, task: str) -> dict[str, str | None]:
        """The links of a task in the UI."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/links"
        links: dict[str, str | None] = self.call("GET", path)["extra_links"]
        return links

    def log(self, dag_id: str, run_id: str, task: str, attempt: int = 1) -> str:
        """The log of that attempt of a task, as the UI shows it."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"
        return str(self.call("GET", path)["content"])

    def page(self, model: str, text: str = "") -> str:
        """The model's page as HTML, once all of it has been read and it has that text."""
        base = self.http.base_url

        def look() -> str | None:
            url = f"http://{base.host}:{base.port}/titleholder/"
            answer = self.http.get(url, params={"model": model})
            if answer.status_code == 404:
                return None  # Airflow has not parsed both DAGs yet.
            assert answer.status_code == 200, answer.text
            read = 'http-equiv="refresh"' not in answer.text and text in answer.text
            return answer.text if read else None

        return str(self.wait(f"a page with {text}", look))

    def log_unfolded(self, dag_id: str, run_id: str, task: str, attempt: int = 1) -> list[str]:
        """The lines of that log outside groups, which the UI shows at first."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"
        shown, depth = [], 0
        for entry in self.call("GET", path)["content"]:
            event = str(entry["event"])
            if "::endgroup::" in event:
                depth = max(depth - 1, 0)
            elif "::group::" in event:
                depth += 1
            elif depth == 0:
                shown.append(event)
        return shown


def _no_server_error(answer: httpx.Response) -> None:
    if answer.status_code >= 500:
        answer.read()
        raise AssertionError(f"{answer.request.method} {answer.request.url}: {answer.text}")


@contextmanager
def running(
    sandbox: Sandbox, environ: dict[str, str], more_settings: str = ""
) -> Iterator[Airflow]:
    """Airflow with the sandbox, with the pipeline templates of `environ` and these settings in
    addition. It ends at the end: `up` would keep it, and the settings that it started with."""
    try:
        up(sandbox, environ, more_settings, "--port", f"airflow={free_port(None)}")
        api = Airflow(airflow_url(Home(sandbox.var).load()))
        with api.http:
            yield api
    finally:
        stop_services(sandbox, "airflow")


def restart_scheduler(sandbox: Sandbox, environ: dict[str, str], more_settings: str = "") -> None:
    """Start another scheduler, with these settings in addition."""
    stop_services(sandbox, "airflow-scheduler")
    up(sandbox, environ, more_settings)


def up(sandbox: Sandbox, environ: dict[str, str], more_settings: str = "", *arguments: str) -> None:
    """Start those processes of Airflow that do not run."""
    home = sandbox.var / "airflow"
    home.mkdir(exist_ok=True)
    (home / "airflow.cfg").write_text(SETTINGS + more_settings)
    with pytest.MonkeyPatch.context() as patch:
        name = "TITLEHOLDER_TEMPLATE_DIR"
        patch.setenv(name, environ[name])
        started = run_sandbox(
            sandbox.var, "up", "--airflow", "--dags", str(DAGS_FOLDER), *arguments
        )
    assert started.returncode == 0, started.stdout + started.stderr


def stop_services(sandbox: Sandbox, prefix: str) -> None:
    """End the sandbox's processes whose names begin so, and forget them: the next `up` would start
    them again."""
    home = Home(sandbox.var)
    state = home.load()
    names = [name for name in state.processes if name.startswith(prefix)]
    stop([state.processes.pop(name) for name in names])
    for name in names:
        state.ports.pop(name, None)
    home.save(state)


def reports_of(sandbox: Sandbox, dag_id: str, run_id: str, task: str) -> int:
    """How many workers of the task's attempts have reported their end to the scheduler. Airflow
    loses a waiting task that is resumed before that."""
    log = (sandbox.var / "logs" / "airflow-scheduler.log").read_text(errors="replace")
    return log.count(
        "Received executor event with state success for task instance "
        f"TaskInstanceKey(dag_id={dag_id!r}, task_id={task!r}, run_id={run_id!r}, "
    )


def logs_of(sandbox: Sandbox) -> str:
    """All logs of Airflow: of its processes, tasks and callbacks."""
    folders = sandbox.var / "logs", sandbox.var / "airflow" / "logs"
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return "\n".join(path.read_text(errors="replace") for path in files)
