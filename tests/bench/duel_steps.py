"""A duel outside of a pipeline: its compiled steps, each in a process of its own, one after the
other."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.compile import COMPILED
from tests.bench.measuring import Cost, call

ROLES = ("champion", "challenger")
Files = Mapping[str, tuple[str, Mapping[str, Any]]]


def run_step(
    spec: Mapping[str, Any],
    name: str,
    given: Mapping[str, Any],
    files: Files,
    env: Mapping[str, str],
    python: str = sys.executable,
) -> tuple[dict[str, Any], Cost]:
    """The metadata of the artifacts, by their names, and the cost of a step of the compiled
    pipeline `spec`, run by the interpreter `python`.

    `given` are parameters, also of other steps; `files` are the path and metadata of each artifact.
    """
    return call(
        "alternatives.duels:step",
        *(*compiled_step(spec, name, given), files),
        env={**env, "_KFP_RUNTIME": "true"},
        python=python,
    )


def run_steps(
    spec: Mapping[str, Any],
    names: Mapping[str, Mapping[str, str]],
    given: Mapping[str, Any],
    env: Mapping[str, str],
    python: str = sys.executable,
) -> dict[str, Any]:
    """As `run_step`, for several steps in one process: `names` are the steps with the paths of
    their artifacts; the metadata are by path."""
    calls = [(*compiled_step(spec, name, given), paths) for name, paths in names.items()]
    env = {**env, "_KFP_RUNTIME": "true"}
    found, _ = call("alternatives.duels:steps", calls, env=env, python=python)
    return dict(found)


def compiled_step(
    spec: Mapping[str, Any], name: str, given: Mapping[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """Source, function and parameters of a step."""
    container = spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
    known = spec["components"][f"comp-{name}"]["inputDefinitions"].get("parameters", {})
    values = {key: value for key, value in given.items() if key in known}
    return container["command"][-1], container["args"][-1], values


def run_duel(
    given: dict[str, Any], folder: Path, env: Mapping[str, str], python: str = sys.executable
) -> tuple[dict[str, Any], dict[str, Cost]]:
    """The evidence, and the cost of each task. `given` are the parameters of the duel's pipeline;
    the artifacts of the steps are files in `folder`; `python` scores."""
    spec = yaml.safe_load((COMPILED / "duel.yaml").read_text())
    costs: dict[str, Cost] = {}
    rows = str(folder / "rows")
    found, costs["read-rows"] = run_step(spec, "read-rows", given, {"rows": (rows, {})}, env)
    files = {"rows": (rows, found["rows"])}
    for role in ROLES:
        about = {"role": role} | {name: given[f"{role}_{name}"] for name in ("uri", "sha256")}
        output = {"predictions": (str(folder / role), {})}
        _, costs[f"score-{role}"] = run_step(
            spec, "score", given | about, files | output, env, python
        )
    files |= {name: (str(folder / name), {}) for name in (*ROLES, "report")}
    found, costs["compare"] = run_step(spec, "compare", given, files, env)
    return found["report"]["evidence"], costs
