"""`make run` in a copy of the project, with packages in the cache, and once more."""

import shutil
import subprocess
import sys
import time

from tests.bench.measuring import REPOSITORY, Options, environment
from tests.bench.results import Bar, Table


def measure(options: Options) -> Table:
    """Seconds by the clock of the first time and the second; only this checkout's files are
    copied, so that the first makes `.venv` and everything in it."""
    copy = options.home / "project"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, copy / name)
    env = environment(options.home)
    del env["PYTHONPATH"]
    python = f"PYTHON={sys.base_prefix}/bin/python3"
    taken = []
    try:
        for _ in range(2):
            begin = time.monotonic()
            done = subprocess.run(
                ["make", "run", python],
                cwd=copy,
                env=env,
                capture_output=True,
                text=True,
                check=False,
                timeout=1_200,
            )
            taken.append(time.monotonic() - begin)
            if done.returncode != 0:
                raise RuntimeError(f"make run: {done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    finally:
        subprocess.run(["make", "down"], cwd=copy, env=env, capture_output=True, check=False)
    first, again = taken
    return Table(
        "`make run`",
        ("", "s"),
        [("the first time, packages in the cache", f"{first:.0f}"), ("again", f"{again:.0f}")],
        [
            Bar("the first time", first, 180, " s"),
            Bar("again", again, 90, " s"),
        ],
    )
