"""The progress of a running pipeline job, for a line of text."""

import contextlib
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.endpoint_report import base
from sandbox.state import State

_SECONDS = 1.0
_DONE = ("SUCCEEDED", "SKIPPED")


@contextlib.contextmanager
def pipeline_progress(
    state: State, job: Callable[[], str], show: Callable[[str], None]
) -> Iterator[None]:
    """While the block runs, call `show` with the progress of a job each time that it changes.

    `job` returns the resource name of the job, or "" while there is none. The calls come from a
    thread of their own.
    """
    over = threading.Event()

    def poll() -> None:
        shown = ""
        while not over.wait(_SECONDS):
            # A job that cannot be read now is read again; the DAG's task reports what is wrong.
            with contextlib.suppress(OSError, ValueError, LookupError):
                text = progress_text(_read(state, job())) if job() else ""
                if text not in ("", shown) and not over.is_set():
                    shown = text
                    show(text)

    thread = threading.Thread(target=poll, name="pipeline-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def progress_text(job: dict[str, Any]) -> str:
    """Such as `2 pipeline tasks done, train and evaluate running`; "" for a job that waits or has
    ended. `job` is Vertex AI's JSON."""
    if job.get("state") != "PIPELINE_STATE_RUNNING":
        return ""
    details = job.get("jobDetail", {}).get("taskDetails", [])
    groups = {detail.get("parentTaskId") for detail in details}
    tasks = [one for one in details if one["taskId"] not in groups and one.get("parentTaskId")]
    done = sum(task.get("state") in _DONE for task in tasks)
    running = [task["taskName"] for task in tasks if task.get("state") == "RUNNING"]
    parts = [f"{done} pipeline task{'' if done == 1 else 's'} done"]
    return ", ".join(parts + ([f"{' and '.join(running)} running"] if running else []))


def _read(state: State, job: str) -> dict[str, Any]:
    url = f"{base(state)}/pipelineJobs/{job.rsplit('/', 1)[-1]}"
    with urllib.request.urlopen(url, timeout=10) as response:
        found: dict[str, Any] = json.load(response)
        return found
