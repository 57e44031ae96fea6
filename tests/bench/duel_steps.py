"""A duel outside of a pipeline: each of its steps in a process of its own, one after the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.measuring import Cost, call

ROLES = ("champion", "challenger")
_STEP = "alternatives.duels:step"


def run_duel(
    given: dict[str, Any], folder: Path, env: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Cost]]:
    """The evidence, and the cost of each task. `given` are the parameters of the duel's pipeline;
    the artifacts of the steps are files in `folder`."""
    rows, costs = str(folder / "rows"), {}
    about, costs["read-rows"] = call(_STEP, "read_rows", given, {"rows": [rows, {}]}, env=env)
    files = {"rows": [rows, about["rows"]]}
    for role in ROLES:
        model = {"role": role} | {name: given[f"{role}_{name}"] for name in ("uri", "sha256")}
        predictions = {"predictions": [str(folder / role), {}]}
        _, costs[f"score-{role}"] = call(
            _STEP, "score", given | model, files | predictions, env=env
        )
    files |= {name: [str(folder / name), {}] for name in (*ROLES, "report")}
    about, costs["compare"] = call(_STEP, "compare", given, files, env=env)
    return about["report"]["evidence"], costs
