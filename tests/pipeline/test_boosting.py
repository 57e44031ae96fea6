"""A model of another framework: XGBoost in a format of its own, in an image of its own."""

import json
from datetime import timedelta
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from kfp import compiler, dsl
from packaging.requirements import Requirement

from images.reference import LOCK, image_reference, pins
from sandbox.containers.catalog import Catalog
from sandbox.containers.environments import interpreter
from tests.bench.duel_steps import Files, run_step, run_steps
from tests.bench.measuring import environment
from tests.conftest import IMAGES, REPOSITORY, Sandbox
from tests.containers.boosting.pipeline import IMAGE, deliveries
from tests.containers.boosting.rows import deliveries as rows_of
from tests.pipeline.duel_steps import SPEC, run_duel
from tests.pipeline.duels import END, START, Duels
from titleholder.config.loader import load_model

FOLDER = REPOSITORY / "tests" / "containers" / "boosting"
WEEK = timedelta(weeks=1)
# The champion is trained on the week before deliveries got faster.
ROWS = rows_of(END, weeks=4, faster_since=START - WEEK)


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of the sandbox's environment of the example's image."""
    return str(interpreter(Catalog(IMAGES).find(IMAGE)))


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compiled pipeline."""
    path = tmp_path_factory.mktemp("compiled") / "deliveries.yaml"
    compiler.Compiler().compile(deliveries, str(path))
    return yaml.safe_load(path.read_text())


def test_only_the_steps_that_need_the_framework_run_in_its_image(spec: dict[str, Any]) -> None:
    images = {
        name: executor["container"]["image"]
        for name, executor in spec["deploymentSpec"]["executors"].items()
    }
    own = image_reference()
    assert images == {
        "exec-create-dataset": own,
        "exec-train": IMAGE,
        "exec-evaluate": IMAGE,
        "exec-export-model": own,
    }


def test_the_image_has_the_packages_of_this_project_s_image_and_the_framework() -> None:
    own, more = ({str(pin) for pin in pins(lock)} for lock in (LOCK, FOLDER / "requirements.txt"))
    assert own <= more
    assert {Requirement(pin).name for pin in more - own} == {"xgboost-cpu"}
    assert "xgboost" not in packages_distributions(), "the sandbox itself has no such package"


def test_the_model_s_file_is_valid() -> None:
    config = load_model(FOLDER / "deliveries.yaml")
    assert config.duel is not None
    assert config.duel.target_columns == ["minutes"]


def test_a_better_challenger_wins_the_duel(
    spec: dict[str, Any], python: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    config = load_model(FOLDER / "deliveries.yaml")
    given = config.pipeline.parameters | {"score": 0.0, "image": IMAGE}
    given |= {"predictor": (FOLDER / "predictor.py").read_text()}
    env, duels = environment(tmp_path, **sandbox.env), Duels(sandbox)
    parameters: dict[str, Any] = {}
    for role, end in (("champion", START - WEEK), ("challenger", START)):
        folder = tmp_path / role
        folder.mkdir()
        at = ROWS["delivered_at"].to_pylist()
        week = ROWS.filter([end - WEEK <= time < end for time in at]).drop_columns("delivered_at")
        pq.write_table(week, folder / "dataset")
        names = ("dataset", "held_out", "trained", "metrics", "examples", "exported")
        data, held_out, trained, metrics, examples, model = (str(folder / name) for name in names)
        steps = {
            "train": {"dataset": data, "model": trained, "held_out": held_out},
            "evaluate": {
                **{"model": trained, "held_out": held_out},
                **{"metrics": metrics, "examples": examples},
            },
            "export-model": {"trained": trained, "examples": examples, "model": model},
        }
        found = run_steps(spec, steps, given, env, python)
        assert found[metrics]["score"] > 80
        exported = found[model]
        assert exported["containerSpec"]["imageUri"] == IMAGE
        assert exported["framework"] == "xgboost"
        contents = {path.name: path.read_bytes() for path in (folder / "exported").iterdir()}
        assert contents.keys() == {
            *("model.ubj", "predictor.json", "deliveries.py", "examples.json"),
        }
        parameters |= duels.put_artifact(f"boosting-{role}", contents, role)
        assert parameters[f"{role}_sha256"] == exported["sha256"]
        parameters[f"{role}_data_interval_end"] = end.isoformat()

    table = duels.put_table(ROWS)
    (tmp_path / "duel").mkdir()
    values = duels.parameters(
        table,
        timestamp_column=config.source.timestamp,
        feature_columns=config.pipeline.parameters["feature_columns"],
        target_columns=["minutes"],
        primary_target="minutes",
        batch_size=200,
        **parameters,
    )

    def score(given: dict[str, Any], rows: dsl.Dataset, output: dsl.Dataset) -> None:
        files: Files = {"rows": (rows.path, rows.metadata), "predictions": (output.path, {})}
        run_step(SPEC, "score", given, files, env, python)

    with duels.variables():
        evidence = run_duel(values, tmp_path / "duel", score).outputs["evidence"]
    expected = sum(START <= time < END for time in ROWS["delivered_at"].to_pylist())
    assert evidence["n"] == evidence["rows"] == expected
    assert 0 < evidence["challenger_loss"] < 0.5 * evidence["champion_loss"]
    json.dumps(evidence, allow_nan=False)
