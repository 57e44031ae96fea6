"""The model of tests/containers/boosting, XGBoost in an image of its own: from its YAML file to a
promotion."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery
from google.protobuf import json_format
from kfp import compiler

from sandbox.commands.load import load_parquet
from tests.conftest import DAGS_FOLDER, REPOSITORY
from tests.containers.boosting.pipeline import IMAGE, deliveries
from tests.containers.boosting.rows import deliveries as rows_of
from tests.dags.conftest import LAST_MONDAY, Google, Model

WEEK = timedelta(weeks=1)


@pytest.fixture
def logistics(airflow_home: Path, tables: bigquery.Client, tmp_path: Path) -> Iterator[Model]:
    """The model with its pipeline and rows up to now; deliveries got faster after the first
    training week."""
    rows = rows_of(datetime.now(UTC), weeks=5, faster_since=LAST_MONDAY - WEEK)
    pq.write_table(rows, tmp_path / "rows.parquet")
    table = f"{tables.project}.logistics.deliveries"
    load_parquet(tables, table, tmp_path / "rows.parquet")
    template = Path(os.environ["TITLEHOLDER_TEMPLATE_DIR"], "deliveries.yaml")
    compiler.Compiler().compile(deliveries, str(template))
    path = DAGS_FOLDER / "models" / "deliveries.yaml"
    source = REPOSITORY / "tests" / "containers" / "boosting" / "deliveries.yaml"
    path.write_text(source.read_text())
    yield Model("deliveries", table, tables)
    path.unlink()


# By default tests/pipeline/test_boosting.py trains the model and lets it win a duel.
@pytest.mark.long
def test_it_is_trained_served_and_promoted(logistics: Model, google: Google) -> None:
    for end in (LAST_MONDAY - WEEK, LAST_MONDAY):
        result = logistics.run(end)
        assert result.state == "success", result.errors
    assert {version.container_spec.image_uri for version in google.versions("deliveries")} == {
        IMAGE
    }
    challenger = google.endpoint("deliveries").labels["challenger"]

    evaluated = logistics.run(datetime.now(UTC), dag="rollout")
    assert evaluated.state == "success", evaluated.errors
    evidence = evaluated.returned["wait_for_duel"]["evidence"]
    assert 0 < evidence["challenger_loss"] < 0.5 * evidence["champion_loss"]
    assert evaluated.returned["decide"]["outcome"] == "promote", evaluated.returned["decide"]
    endpoint = google.endpoint("deliveries")
    assert dict(endpoint.traffic_split) == {challenger: 100}

    duel = google.jobs.get_pipeline_job(name=evaluated.returned["wait_for_duel"]["job"])
    spec = json_format.MessageToDict(type(duel).pb(duel))["pipelineSpec"]
    images = {
        name: executor["container"]["image"]
        for name, executor in spec["deploymentSpec"]["executors"].items()
    }
    assert images["exec-score"] == images["exec-score-2"] == IMAGE
    assert IMAGE not in (images["exec-read-rows"], images["exec-compare"])

    # By the predictor: minutes, not their logarithm.
    answer = google.predictions.predict(endpoint=endpoint.name, instances=[[6.0, 4.0, 17.0]])
    (minutes,) = answer.predictions
    assert 30 < minutes < 50
    assert answer.deployed_model_id == challenger
