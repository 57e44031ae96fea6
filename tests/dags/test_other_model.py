"""The model of docs/tutorials/adding-a-model.md: another table and pipeline, a classifier with text
labels."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from google.cloud import bigquery

from sandbox.commands.load import load_parquet
from tests.conftest import DAGS_FOLDER, REPOSITORY, Sandbox, run_sandbox
from tests.dags import wine
from tests.dags.conftest import LAST_MONDAY, Google, Model
from titleholder.config.loader import load_model

WEEK = timedelta(weeks=1)


@pytest.fixture
def cellar(airflow_home: Path, tables: bigquery.Client, tmp_path: Path) -> Iterator[Model]:
    """The page's model with four weeks of wines. Nine of ten labels of the first training week are
    wrong, so that the first champion is the worse model."""
    script = wine.file("var/samples.py").replace("var/samples.parquet", str(tmp_path / "s.parquet"))
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    rows = pd.read_parquet(tmp_path / "s.parquet")
    wrong = rows["sampled_at"] < LAST_MONDAY - WEEK
    wrong &= np.random.default_rng(0).random(len(rows)) < 0.9
    rows.loc[wrong, "cultivar"] = "barolo"
    rows.to_parquet(tmp_path / "s.parquet", index=False)
    table = f"{tables.project}.wine.samples"
    assert load_parquet(tables, table, tmp_path / "s.parquet") == 28 * 48
    wine.compile_pipeline(Path(os.environ["TITLEHOLDER_TEMPLATE_DIR"]))
    raw = yaml.safe_load(wine.file("dags/models/wine.yaml"))
    raw["gate"]["min_score"] = 40
    raw["duel"]["min_duration"] = "1s"
    path = DAGS_FOLDER / "models" / "wine.yaml"
    path.write_text(yaml.safe_dump(raw))
    yield Model("wine", table, tables)
    path.unlink()


def test_a_classifier_is_trained_evaluated_and_promoted(cellar: Model, google: Google) -> None:
    for end in (LAST_MONDAY - WEEK, LAST_MONDAY):
        result = cellar.run(end)
        assert result.state == "success", result.errors
    labels = google.endpoint("wine").labels
    champion, challenger = labels["champion"], labels["challenger"]

    evaluated = cellar.run(datetime.now(UTC), dag="rollout")
    assert evaluated.state == "success", evaluated.errors
    evidence = evaluated.returned["wait_for_duel"]["evidence"]
    assert (evidence["loss"], evidence["primary_target"]) == ("log_loss", "cultivar")
    assert (
        evidence["champion_invalid_predictions"] == evidence["challenger_invalid_predictions"] == 0
    )
    assert 0 < evidence["challenger_loss"] < evidence["champion_loss"] < 5
    assert evaluated.returned["decide"]["outcome"] == "promote", evaluated.returned["decide"]
    endpoint = google.endpoint("wine")
    assert dict(endpoint.traffic_split) == {challenger: 100}
    assert endpoint.labels["champion"] == challenger
    assert endpoint.labels["previous-champion"] == champion

    answer = google.predictions.predict(
        endpoint=endpoint.name, instances=[[13.2, 2.8, 5.1, 1.0, 1100], [12.3, 2.0, 2.8, 1.1, 500]]
    )
    assert list(answer.predictions) == ["barolo", "grignolino"]
    assert answer.deployed_model_id == challenger


def test_the_file_of_the_page_is_a_model(tmp_path: Path) -> None:
    path = tmp_path / "wine.yaml"
    path.write_text(wine.file("dags/models/wine.yaml"))
    assert load_model(path).duel is not None


@pytest.mark.parametrize(
    "check",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        pytest.param(["mypy"], marks=pytest.mark.long),
    ],
    ids=" ".join,
)
def test_the_pipeline_of_the_page_passes_the_check(tmp_path: Path, check: list[str]) -> None:
    """`make check` of the page's pipeline file; the whole repository with it is checked below."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for folder in ("pipeline", "images"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    (tmp_path / "pipeline" / "wine.py").write_text(wine.file("pipeline/wine.py"))
    done = subprocess.run(
        [sys.executable, "-m", *check, "pipeline/wine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_staging_and_production_have_endpoints_of_their_own(
    model: Callable[..., Model], google: Google
) -> None:
    production = model()
    staging = Model(f"{production.name}-staging", production.table, production.tables)
    path = DAGS_FOLDER / "models" / f"{staging.name}.yaml"
    raw = {
        "model": staging.name,
        "extends": production.name,
        "endpoint": {"display_name": staging.name},
        "rollout": {"traffic_percentage": 50},
    }
    path.write_text(yaml.safe_dump(raw))
    try:
        for made, end in itertools.product(
            (production, staging), (LAST_MONDAY - WEEK, LAST_MONDAY)
        ):
            result = made.run(end)
            assert result.state == "success", result.errors
    finally:
        path.unlink()
    for made, percentage in ((production, 10), (staging, 50)):
        endpoint = google.endpoint(made.name)
        assert endpoint.traffic_split[endpoint.labels["challenger"]] == percentage
        assert len(google.versions(made.name)) == len(google.jobs_of(made.name)) == 2
    assert google.endpoint(production.name).name != google.endpoint(staging.name).name


@pytest.mark.long
def test_the_files_and_commands_of_the_page(tmp_path: Path) -> None:
    """In a copy of the repository; `make` would set up another environment."""
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".git", ".venv", ".images", "var", ".*_cache", "__pycache__")
    shutil.copytree(REPOSITORY, copy, ignore=left_out)
    (copy / ".venv" / "bin").mkdir(parents=True)
    python = copy / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environ = os.environ | {"PYTHONPATH": f"{copy / 'plugins'}:{copy}"}
    # Other tests of this module name another folder of templates.
    environ.pop("TITLEHOLDER_TEMPLATE_DIR", None)
    output = ""
    started = run_sandbox(copy / "var", "up", "--deploy-seconds", "0.2")
    assert started.returncode == 0, started.stderr
    try:
        for path, text in wine.blocks():
            if path:
                (copy / path).write_text(text)
                continue
            commands = text.replace("make compile", ".venv/bin/python -m pipeline.compile")
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", commands],
                cwd=copy,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
            output += done.stdout
        checked = subprocess.run(
            ["make", "--assume-old=setup", f"BIN={Path(sys.executable).parent}", "check"],
            cwd=copy,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    finally:
        run_sandbox(copy / "var", "down")
    for text in (
        "wine.samples: 1,344 rows",
        "\nwine: its file is valid, and fits wine-",
        "  success after",
        '{"predictions": ["barolo"]',
    ):
        assert text in output
    assert re.search(r"\n  challenger +10 %  wine@2 ", output)


def test_a_model_without_a_duel_cannot_be_evaluated(sandbox: Sandbox, tmp_path: Path) -> None:
    shutil.copytree(DAGS_FOLDER, tmp_path / "dags")
    raw = yaml.safe_load(wine.file("dags/models/wine.yaml"))
    del raw["duel"]
    (tmp_path / "dags" / "models" / "wine.yaml").write_text(yaml.safe_dump(raw))
    var = tmp_path / "var"
    shutil.copytree(sandbox.var, var, ignore=shutil.ignore_patterns("sandbox", "logs"))
    for name, error in (
        ("wine", "wine.yaml: duel: is missing; add it, or drop --evaluate\n"),
        ("beer", "there is no model 'beer' in "),
    ):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "sandbox", "--var", str(var), "run", name, "--evaluate"),
                *("--dags", str(tmp_path / "dags")),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": f"{REPOSITORY / 'plugins'}:{REPOSITORY}"},
        )
        assert done.returncode == 1
        assert error in done.stderr
        assert done.stdout == ""
