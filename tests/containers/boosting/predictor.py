"""Delivery times, predicted by XGBoost: the model server loads this class from the artifact."""

from pathlib import Path
from typing import Any

import numpy as np
import xgboost


class Deliveries:
    """Its instances are `[distance in km, weight in kg, hour of the day]`, its predictions minutes.

    The trees see the hour as a place on a circle, and the logarithm of the minutes.
    """

    def load(self, artifacts_uri: str) -> None:
        self.booster = xgboost.Booster(model_file=str(Path(artifacts_uri, "model.ubj")))

    def preprocess(self, prediction_input: dict[str, Any]) -> Any:
        distance, weight, hour = np.asarray(prediction_input["instances"], float).T
        angle = hour * (2 * np.pi / 24)
        return xgboost.DMatrix(np.column_stack([distance, weight, np.sin(angle), np.cos(angle)]))

    def predict(self, instances: Any) -> Any:
        return np.exp(self.booster.predict(instances))

    def postprocess(self, prediction_results: Any) -> dict[str, Any]:
        return {"predictions": prediction_results.tolist()}
