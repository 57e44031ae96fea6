"""`python -m sandbox.services.restart SECONDS COMMAND ...`: restarts a command that fails.

For Airflow's scheduler. If SQLite is locked while a backfill is created, Airflow's API deletes the
runs of the backfill, and the scheduler fails on those that it already read (Airflow 3.3,
`_cleanup_partial_backfill`). Composer restarts its scheduler, too.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress


def main() -> int:
    """The exit code of the command, once it succeeds or fails within SECONDS of its start."""
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    while True:
        begin = time.monotonic()
        process = subprocess.Popen(command, process_group=0)
        code = process.wait()
        with suppress(ProcessLookupError):  # workers that the command left running
            os.killpg(process.pid, signal.SIGKILL)
        if code == 0 or time.monotonic() - begin < seconds:
            return code
        print(f"sandbox: ended with {code}, restarted: {' '.join(command)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
