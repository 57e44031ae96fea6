"""`make test`: run, or read from what it printed."""

import re
import subprocess
import sys

from tests.bench.measuring import REPOSITORY, Options, environment
from tests.bench.results import Bar, Table


def measure(options: Options) -> Table:
    """How many tests passed, in which time."""
    if options.suite is None:
        env = {k: v for k, v in environment(options.home).items() if not k.startswith("AIRFLOW")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q"],
            cwd=REPOSITORY,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=3_600,
        )
        said = done.stdout
    else:
        said = options.suite.read_text()
    found = re.search(r"(?:(\d+) failed, )?(\d+) passed.* in ([\d.]+)s", said)
    if found is None:
        raise RuntimeError(f"no line of pytest's that sums up: {said[-500:]}")
    failed, passed, seconds = int(found[1] or 0), int(found[2]), float(found[3])
    return Table(
        "`make test`",
        ("", ""),
        [("passed", f"{passed:,}"), ("failed", str(failed)), ("minutes", f"{seconds / 60:.1f}")],
        [Bar("all of it", seconds / 60, 10, " min"), Bar("failed", failed, 0, "")],
        ["By the clock."],
    )
