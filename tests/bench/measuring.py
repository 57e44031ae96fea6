"""Measurements: each in a process of its own, in turn, several times."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
# Measured processes do not see the settings of a real Airflow or Google account.
FOREIGN = ("AIRFLOW", "GOOGLE_", "TITLEHOLDER_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Options:
    """The command line's options: rounds of a short measurement, and whether to make the long
    tables small. `home` is a folder for a table's files, `suite` a log of `make test`."""

    rounds: int
    quick: bool
    home: Path
    suite: Path | None = None


@dataclass(frozen=True)
class Cost:
    """The cost of one call: wall-clock seconds, processor seconds including its children, and the
    peak memory of its process in MiB."""

    seconds: float
    cpu: float
    peak: float


def environment(home: Path, **also: str) -> dict[str, str]:
    """The environment of a measured process: this project's folders, and an Airflow of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {
        **inherited,
        "PYTHONPATH": ":".join(
            str(REPOSITORY / folder) for folder in ("", "plugins", "images/src")
        ),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **also,
    }


def call(
    function: str, *arguments: Any, env: Mapping[str, str], python: str = sys.executable
) -> tuple[Any, Cost]:
    """The result and the cost of `module:function` of tests.bench in a process of its own, by the
    interpreter `python`.

    Raises RuntimeError with its error output when it fails.
    """
    command = [python, "-m", "tests.bench.child", f"tests.bench.{function}"]
    done = subprocess.run(
        [*command, json.dumps(arguments)],
        cwd=REPOSITORY,
        env=dict(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=3_600,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{function}: {done.stderr[-3_000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found.pop("result"), Cost(**found)


def in_turn(rounds: int, ways: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """The median cost of each way. A round measures each of them once, so that other work on the
    machine affects all alike; a first round, not counted, fills caches."""
    seen: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            cost = way()
            if number:
                seen[name].append(cost)
    return {name: middle(costs) for name, costs in seen.items()}


def middle(costs: list[Cost]) -> Cost:
    """The median of each field."""
    return Cost(
        *(statistics.median(getattr(c, field.name) for c in costs) for field in fields(Cost))
    )
