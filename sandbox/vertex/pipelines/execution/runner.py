"""The child process of one job: `python -m sandbox.vertex.pipelines.execution.runner FOLDER`.

It writes events (protocol/events.py) to standard output, and reads answers from standard input; any
other output goes to standard error, which is the log of the job. It ends with the server: when
standard input is closed, the whole process group is killed.
"""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from sandbox.containers.catalog import Catalog
from sandbox.gateway.client_settings import client_settings
from sandbox.state import SANDBOX, Home
from sandbox.vertex.pipelines.execution.component import ComponentRunner
from sandbox.vertex.pipelines.execution.dag_executor import DagExecutor
from sandbox.vertex.pipelines.execution.mount import Mount, StorageError
from sandbox.vertex.pipelines.execution.resolve import Outcome
from sandbox.vertex.pipelines.execution.task_runner import TaskRunner
from sandbox.vertex.pipelines.protocol.channel import Channel
from sandbox.vertex.pipelines.protocol.events import Problem, RunEvent
from sandbox.vertex.pipelines.protocol.job import Job
from sandbox.vertex.pipelines.spec.messages import Spec

IMAGES = "TITLEHOLDER_PIPELINE_IMAGES"
"""The variable with the file of further images (containers/catalog.py); it may be missing."""


def main() -> None:
    """Run the job of the folder in sys.argv."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # other output must not mix with the events
    answers = os.fdopen(os.dup(0), encoding="utf-8")
    channel = Channel(events, answers, _end_with_the_server)
    folder = Path(sys.argv[1])
    job = Job.read(folder)
    try:
        outcome = _run(job, folder, channel)
    except StorageError as error:
        outcome = Outcome("FAILED", error=Problem(9, f"{error}."))
    channel.close(RunEvent(outcome.error))


def _run(job: Job, folder: Path, channel: Channel) -> Outcome:
    mount = Mount(folder / "gcs")
    mount.check_bucket(job.root)
    environments = Path(os.environ["TITLEHOLDER_PIPELINE_ENVIRONMENTS"])
    catalog = Catalog(Path(images) if (images := os.environ.get(IMAGES)) else None)
    clients = _client_variables()
    components = ComponentRunner(job, folder, environments, catalog, mount, channel, clients)

    def on_cancel(*_: object) -> NoReturn:
        # The components received the signal, too, and may need time to end.
        components.stop()
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_cancel)
    spec = Spec(job.spec)
    task_runner = TaskRunner(job, spec, components, channel)
    return DagExecutor(job, spec, task_runner, channel.send).run()


def _client_variables() -> dict[str, str]:
    """The variables by which a component's own clients of Google call the sandbox, as those of
    `sandbox exec`. None without a gateway. The emulators' variables stay: this project's
    components read them, and without a way by TLS they are faster."""
    if not (var := os.environ.get(SANDBOX)):
        return {}
    home = Home(Path(var))
    found = client_settings(home, home.load())
    return {name: value for name, value in found.items() if value is not None}


def _end_with_the_server() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
