"""`make run` in a fresh clone with the machine's package cache, and once more."""

import subprocess
import time
from pathlib import Path

from tests.bench.measuring import REPOSITORY, Options, environment
from tests.bench.results import Bar, Table


def measure(options: Options) -> Table:
    """Both, and what the setting-up took of the first."""
    clone = options.home / "clone"
    _run(options, ["git", "clone", "-q", str(REPOSITORY), str(clone)], REPOSITORY)
    try:
        setup = _run(options, ["make", "setup"], clone)
        first = setup + _run(options, ["make", "run"], clone)
        again = _run(options, ["make", "run"], clone)
    finally:
        _run(options, ["make", "down"], clone)
    return Table(
        "`make run`",
        ("", "s"),
        [
            ("in a fresh clone", f"{first:.0f}"),
            ("of it setting up the packages", f"{setup:.0f}"),
            ("again", f"{again:.0f}"),
        ],
        [Bar("in a fresh clone", first, 180, " s"), Bar("again", again, 90, " s")],
        ["What is committed. By the clock of a machine whose package cache is warm."],
    )


def _run(options: Options, command: list[str], folder: Path) -> float:
    env = {k: v for k, v in environment(options.home).items() if not k.startswith("AIRFLOW")}
    env.pop("PYTHONPATH")
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=1_200
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - begun
