"""A duel outside of a pipeline: its compiled steps, each in a process of its own, one after the
other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.compile import COMPILED
from tests.bench.measuring import Cost, call

ROLES = ("champion", "challenger")


def run_duel(
    given: dict[str, Any], folder: Path, env: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Cost]]:
    """The evidence, and the cost of each task. `given` are the parameters of the duel's pipeline;
    the artifacts of the steps are files in `folder`."""
    spec = yaml.safe_load((COMPILED / "duel.yaml").read_text())
    costs: dict[str, Cost] = {}

    def run(task: str, step: str, files: dict[str, Any], **also: Any) -> dict[str, Any]:
        """The metadata of the step's artifacts."""
        container = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
        known = spec["components"][f"comp-{step}"]["inputDefinitions"]["parameters"]
        values = {name: value for name, value in (given | also).items() if name in known}
        source, function = container["command"][-1], container["args"][-1]
        metadata, costs[task] = call(
            "alternatives.duels:step",
            *(source, function, values, files),
            env={**env, "_KFP_RUNTIME": "true"},
        )
        return metadata

    def file(name: str) -> list[Any]:
        return [str(folder / name), {}]

    rows = file("rows")
    rows[1] = run("read-rows", "read-rows", {"rows": rows})["rows"]
    for role in ROLES:
        about = {"role": role} | {name: given[f"{role}_{name}"] for name in ("uri", "sha256")}
        run(f"score-{role}", "score", {"rows": rows, "predictions": file(role)}, **about)
    files = {"rows": rows} | {name: file(name) for name in (*ROLES, "report")}
    return run("compare", "compare", files)["report"]["evidence"], costs
