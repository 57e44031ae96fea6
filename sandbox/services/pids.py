"""Processes told apart from others that later get the same number."""

import subprocess
from pathlib import Path


def started_at(pid: int) -> str | None:
    """When the process of that number began, in a form only good for comparing; None: no such.

    Not the time of day, which a clock that is set would change.
    """
    try:
        # The 22nd field; the second is the program's name in brackets, with blanks in it or not.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None
