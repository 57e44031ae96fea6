"""Real models on an endpoint, as weekly runs deploy them."""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from images.reference import image_reference
from model_server.artifact import artifact_digest
from tests.conftest import Sandbox
from tests.dags.conftest import Model, deploy
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel


def linear(*coefficients: float, bias: float = 0.0) -> Any:
    """A regression with these coefficients of the features."""
    size = len(coefficients)
    seen = np.vstack([np.zeros(size), np.eye(size)])
    return LinearRegression().fit(seen, bias + seen @ coefficients)


def invalid_below(features: int) -> Any:
    """A model that predicts 3 times the first of the features, but NaN where it is below -0.5:
    nearly a third of the standard normal distribution."""
    seen = np.column_stack([np.linspace(-4, 4, 801), *np.zeros((features - 1, 801))])
    tree = DecisionTreeRegressor(max_leaf_nodes=64).fit(seen, 3 * seen[:, 0])
    low = np.unique(tree.apply(seen[seen[:, 0] < -0.5]))
    tree.tree_.value[low] = np.nan
    return tree


def deploy_estimator(
    made: Model,
    name: str,
    estimator: Any,
    end: datetime,
    sandbox: Sandbox,
    clock: Callable[[], datetime],
) -> None:
    """Upload the artifact to a folder `name`, and deploy it at the time of `clock` as the run of
    the week before `end` does."""
    bucket, folder = sandbox.bucket, f"pipelines/{made.name}/{name}"
    with tempfile.TemporaryDirectory() as temporary:
        local = Path(temporary)
        joblib.dump(estimator, local / "model.joblib")
        bucket.blob(f"{folder}/model.joblib").upload_from_filename(local / "model.joblib")
        digest = artifact_digest(local)
    container = ContainerSpec(
        image_uri=image_reference(), predict_route="/predict", health_route="/health"
    )
    candidate = CandidateModel(f"gs://{bucket.name}/{folder}", container, "1.6.1", 90.0, digest)
    deploy(made, end, candidate, clock)
