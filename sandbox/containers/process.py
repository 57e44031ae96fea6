"""One process of a container, whose process group never outlives the sandbox.

A child that leaves the group (`setsid`) is not ended.
"""

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sandbox.services.processes import end_group

# Standard input ends with the sandbox, however that ends: the shell in the background then kills
# its process group. The other shell becomes the command.
_GUARD: Final = """
exec 3<&0
(read -r _ <&3; kill -KILL 0) &
exec "$@" </dev/null 3<&-
"""
_TAIL_BYTES: Final = 16 * 1024
_WORK: Final = "work"


def remove_leftovers(logs: Path) -> None:
    """Remove the working directories of processes with logs in this folder, whose sandbox was
    killed. None of them may run."""
    shutil.rmtree(logs / _WORK, ignore_errors=True)


class Process:
    """A started command in an empty working directory of its own, its output in `log`.

    The directory, which is also the one for temporary files, is beside the log.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Raises OSError if the shell cannot be started."""
        self._log = log
        work = log.parent.resolve() / _WORK
        work.mkdir(parents=True, exist_ok=True)
        self._begin = log.stat().st_size if log.exists() else 0
        self._folder = tempfile.mkdtemp(prefix=f"{log.stem}-", dir=work)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "container", *command],
                cwd=self._folder,
                env=dict(environment) | {"TMPDIR": self._folder},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait(self, seconds: float | None) -> int | None:
        """The exit code, or None if the process still runs after `seconds`."""
        if seconds and hasattr(os, "pidfd_open") and self._process.poll() is None:
            # Popen.wait with a timeout looks 20 times a second.
            ended = os.pidfd_open(self.pid)
            try:
                poll = select.poll()
                poll.register(ended, select.POLLIN)
                poll.poll(seconds * 1000)
            finally:
                os.close(ended)
            return self._process.poll()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Ask the process to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process group at once."""
        end_group(self.pid, force=True)

    def clean_up(self) -> None:
        """Remove the working directory of the ended process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def last_lines(self, count: int = 3) -> str:
        """The last lines of this process's output, in one line."""
        with self._log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(self._begin, file.tell() - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return " / ".join([line.strip() for line in lines if line.strip()][-count:])[-1000:]
