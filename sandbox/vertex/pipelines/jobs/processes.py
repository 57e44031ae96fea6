"""Ends the process groups of jobs."""

import os
import signal


def end_group(pid: int, force: bool = False) -> None:
    """Tell the process group that `pid` leads to end, or end it; fine when it is gone."""
    try:
        os.killpg(pid, signal.SIGKILL if force else signal.SIGTERM)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return
