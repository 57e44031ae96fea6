"""Processes told apart from others that later get the same number."""

import os
import signal
import subprocess
from pathlib import Path


def started_at(pid: int) -> str | None:
    """When the process of that number began, in a form only good for comparing; None: no such."""
    try:
        # The 22nd field; the second is the program's name in brackets, with blanks in it or not.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


def end_group(pid: int, force: bool = False) -> None:
    """Tell the process group that `pid` leads to end, or end it; fine when it is gone."""
    try:
        os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return
