"""Google's prebuilt container for XGBoost, filled by the SDK's upload of a model file."""

import subprocess
from pathlib import Path

import pytest
from google.cloud import aiplatform

from sandbox.containers.catalog import Catalog
from sandbox.containers.environments import interpreter
from tests.conformance.conftest import Cloud

# Run in the container's environment: this one has no XGBoost.
TRAIN = """
import sys
import numpy, xgboost
rows = numpy.arange(60.0).reshape(20, 3)
model = xgboost.train({"seed": 1}, xgboost.DMatrix(rows, rows.sum(axis=1)), 5)
model.save_model(sys.argv[1])
print(*model.predict(xgboost.DMatrix(rows[:2])))
"""


@pytest.mark.long  # It installs XGBoost.
@pytest.mark.usefixtures("sdk")
def test_an_xgboost_model_file(cloud: Cloud, tmp_path: Path) -> None:
    image = aiplatform.helpers.get_prebuilt_prediction_container_uri("xgboost", "2.1")
    found = subprocess.run(
        [interpreter(Catalog().find(image)), "-c", TRAIN, tmp_path / "model.bst"],
        check=True,
        capture_output=True,
        text=True,
    )
    model = aiplatform.Model.upload_xgboost_model_file(
        model_file_path=str(tmp_path / "model.bst"),
        xgboost_version="2.1",
        display_name="boosted",
        staging_bucket=f"gs://{cloud.bucket}",
    )
    assert model.container_spec.image_uri == image
    endpoint = model.deploy(machine_type="n1-standard-2")
    answer = endpoint.predict([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    assert answer.predictions == pytest.approx([float(one) for one in found.stdout.split()])
    endpoint.delete(force=True)
