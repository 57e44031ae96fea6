"""`python -m sandbox.services.restart SECONDS COMMAND ...`: restarts a command that fails.

For Airflow's scheduler. When SQLite is locked while a backfill is being created, Airflow's API
takes the backfill's runs back, and the scheduler dies of those that it had found (Airflow 3.3,
`_cleanup_partial_backfill`). Composer starts its scheduler again, too.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress


def main() -> int:
    """The command's exit code, once it ends well or fails before it ran for SECONDS."""
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    while True:
        begin = time.monotonic()
        process = subprocess.Popen(command, process_group=0)
        code = process.wait()
        with suppress(ProcessLookupError):  # workers that it left, and that nobody else would end
            os.killpg(process.pid, signal.SIGKILL)
        if code == 0 or time.monotonic() - begin < seconds:
            return code
        print(f"sandbox: ended with {code}, started again: {' '.join(command)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
