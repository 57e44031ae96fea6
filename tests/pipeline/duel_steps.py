"""A duel in this process: its compiled steps, one after the other.

On Vertex AI each is a process of its own, as in the jobs that `Duels.submit` starts; what a step
computes does not depend on that.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from kfp import dsl

from pipeline.compile import COMPILED
from tests.bench.alternatives.duels import compiled_function
from tests.bench.duel_steps import ROLES, compiled_step
from tests.pipeline.duels import Submitted

_function = cache(compiled_function)
SPEC = yaml.safe_load((COMPILED / "duel.yaml").read_text())


def score_here(given: dict[str, Any], rows: dsl.Dataset, predictions: dsl.Dataset) -> None:
    """The step that scores one model."""
    run_step(SPEC, "score", given, rows=rows, predictions=predictions)


def run_duel(
    given: dict[str, Any],
    folder: Path,
    score: Callable[[dict[str, Any], dsl.Dataset, dsl.Dataset], object] = score_here,
) -> Submitted:
    """The result of a duel with these parameters; its artifacts are files in `folder`. `score`
    replaces the step that scores one model."""
    declared = SPEC["root"]["inputDefinitions"]["parameters"]
    given = {n: d["defaultValue"] for n, d in declared.items() if "defaultValue" in d} | given
    rows, *predictions = (dsl.Dataset(uri=str(folder / name)) for name in ("rows", *ROLES))
    report = dsl.HTML(uri=str(folder / "report"))
    step = "read-rows"
    try:
        run_step(SPEC, step, given, rows=rows)
        # As Vertex AI stores metadata.
        rows.metadata = json.loads(json.dumps(rows.metadata), parse_int=float)
        for role, output in zip(ROLES, predictions, strict=True):
            step = f"score-{role}"
            about = {"role": role} | {name: given[f"{role}_{name}"] for name in ("uri", "sha256")}
            score(given | about, rows, output)
        step = "compare"
        files = dict(zip(ROLES, predictions, strict=True))
        outputs = run_step(SPEC, step, given, rows=rows, report=report, **files)
    except ValueError as error:
        return Submitted("FAILED", [step], str(error), {}, "", {})
    html = Path(report.path).read_text()
    return Submitted("SUCCEEDED", [], "", outputs, html, report.metadata)


def run_step(
    spec: dict[str, Any], name: str, given: dict[str, Any], **artifacts: dsl.Artifact
) -> dict[str, Any]:
    """The output parameters of a step of the compiled pipeline `spec`, as JSON has them."""
    source, function_name, values = compiled_step(spec, name, given)
    function = _function(source, function_name)
    # A whole number is a float in a compiled pipeline; kfp gives the step an int, too.
    known = spec["components"][f"comp-{name}"]["inputDefinitions"]["parameters"]
    values = {
        key: int(value) if known[key]["parameterType"] == "NUMBER_INTEGER" else value
        for key, value in values.items()
    }
    found = function(**values, **artifacts)
    if found is None:
        return {}
    names = function.__annotations__["return"]._fields
    return dict(json.loads(json.dumps(dict(zip(names, found, strict=True)), allow_nan=False)))
