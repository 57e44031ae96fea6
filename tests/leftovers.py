"""Ends what a test run leaves running, however pytest ends: also after SIGTERM or SIGKILL.

A process of its own waits for the end of pytest. It then stops the sandboxes below pytest's folder,
by their own records, and every process that inherited the run's id: workers, and what tests start.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from sandbox.services.processes import stop
from sandbox.state import Home

RUN = "TEST_RUN"
"""The environment variable with the id of the run."""
_GRACE_SECONDS = 5.0


def watch(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the process that waits for the end of this one; `folder` is pytest's. What is started
    from now on belongs to this run."""
    environ = {name: value for name, value in os.environ.items() if name != RUN}
    os.environ[RUN] = secrets.token_hex(8)
    return subprocess.Popen(
        [sys.executable, "-m", __name__, os.environ[RUN], folder],
        cwd=Path(__file__).resolve().parent.parent,
        env=environ,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def members(run: str) -> Iterator[psutil.Process]:
    """The processes of that run. A zombie is none, and neither is a process that has overwritten
    its environment variables, as Airflow's do."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(RUN) == run:
                yield process


def _main(run: str, folder: Path) -> None:
    sys.stdin.read()  # until pytest ends
    for _ in range(3):  # Members may have started others meanwhile.
        for state in folder.rglob("sandbox.json"):
            with suppress(OSError):
                home = Home(state.parent)
                stop(list(home.load().processes.values()))
                shutil.rmtree(home.sockets)  # may be outside of the folder
        found = list(members(run))
        if not found:
            return
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, remaining = psutil.wait_procs(found, timeout=_GRACE_SECONDS)
        for process in remaining:
            with suppress(psutil.NoSuchProcess):
                process.kill()


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
