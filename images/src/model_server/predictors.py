"""Predictors: from request instances to predictions, by the files in an artifact.

The methods are those of `Predictor` in Google's custom prediction routines
(`google.cloud.aiplatform.prediction.predictor`), so a class that was written for them works here.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from model_server.artifact import ArtifactError

DESCRIPTION = "predictor.json"
"""A file in the artifact that names a class of the artifact: `{"class": "module.Class"}`."""


class Predictor(Protocol):
    """A model with its pre- and postprocessing."""

    def load(self, artifacts_uri: str) -> None:
        """Load the model from this folder. Called once, before anything else."""

    def preprocess(self, prediction_input: dict[str, Any]) -> Any:
        """What `predict` takes, from the request: `{"instances": [...], "parameters": ...}`."""

    def predict(self, instances: Any) -> Any:
        """The model's predictions."""

    def postprocess(self, prediction_results: Any) -> dict[str, Any]:
        """The response, `{"predictions": [...]}` with one prediction for each instance, as JSON."""


class ArrayPredictor:
    """A predictor whose instances are lists of numbers: one array, rows x features."""

    model: Any = None

    def __init__(self, read: Callable[[Path], Any]) -> None:
        self._read = read

    def load(self, artifacts_uri: str) -> None:
        """Read the model's file."""
        self.model = self._read(Path(artifacts_uri))

    def preprocess(self, prediction_input: dict[str, Any]) -> Any:
        """The instances as an array."""
        import numpy as np

        return np.asarray(prediction_input["instances"])

    def predict(self, instances: Any) -> Any:
        """The model's `predict`."""
        return self.model.predict(instances)

    def postprocess(self, prediction_results: Any) -> dict[str, Any]:
        """The predictions as lists."""
        import numpy as np

        return {"predictions": np.asarray(prediction_results).tolist()}


class XgboostPredictor(ArrayPredictor):
    """An XGBoost model: its booster predicts from a matrix of its own type."""

    def predict(self, instances: Any) -> Any:
        """The booster's predictions."""
        import xgboost

        return self.model.predict(xgboost.DMatrix(instances))


def load_predictor(folder: Path, source: str = "", files: Sequence[str] = ()) -> Predictor:
    """The loaded predictor of an artifact.

    The first of these files decides, or of `files` if any are given: `predictor.json` (a class of
    the artifact), `model.joblib`, `model.pkl` (an object with `predict`), `model.ubj`,
    `model.json`, `model.bst` (XGBoost), `model.txt` (LightGBM). `source` is the folder's name in
    messages. Raises ArtifactError.
    """
    source = source or str(folder)
    files = files or (DESCRIPTION, *_FORMATS)
    for name in files:
        if (folder / name).is_file():
            if name == DESCRIPTION:
                return _own(folder, source)
            predictor = _FORMATS[name](name)
            try:
                predictor.load(str(folder))
            except ModuleNotFoundError as error:
                raise ArtifactError(
                    f"{source}/{name} needs {error.name}, which this image does not have: add it "
                    "to images/requirements.in and build the image again"
                ) from error
            except Exception as error:
                raise ArtifactError(
                    f"{source}/{name} cannot be loaded ({_first_line(error)}): train it with the "
                    "packages of this image"
                ) from error
            return predictor
    raise ArtifactError(
        f"there is no {' or '.join(files)} directly under {source}: have the pipeline write it"
    )


def _own(folder: Path, source: str) -> Predictor:
    try:
        name = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["class"]
        module, _, attribute = name.rpartition(".")
    except (ValueError, KeyError, TypeError, AttributeError):
        module = attribute = ""
    if not module or not attribute:
        raise ArtifactError(
            f'{source}/{DESCRIPTION} names no class: write {{"class": "module.Class"}}'
        )
    sys.path.insert(0, str(folder))
    try:
        predictor: Predictor = getattr(importlib.import_module(module), attribute)()
        predictor.load(str(folder))
    except Exception as error:
        raise ArtifactError(
            f"the predictor {name} of {source} cannot be loaded ({_first_line(error)}): correct "
            "it and train again"
        ) from error
    finally:
        sys.path.remove(str(folder))
    return predictor


def _joblib(name: str) -> ArrayPredictor:
    def read(folder: Path) -> Any:
        import joblib

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # scikit-learn's for a file of another version, by name: it may not be installed.
            warnings.filterwarnings("error", "Trying to unpickle estimator")
            model = joblib.load(folder / name)
        if not callable(getattr(model, "predict", None)):
            raise TypeError(f"it holds a {type(model).__name__}, which cannot predict")
        return model

    return ArrayPredictor(read)


def _xgboost(name: str) -> ArrayPredictor:
    def read(folder: Path) -> Any:
        import xgboost

        return xgboost.Booster(model_file=str(folder / name))

    return XgboostPredictor(read)


def _lightgbm(name: str) -> ArrayPredictor:
    def read(folder: Path) -> Any:
        import lightgbm

        return lightgbm.Booster(model_file=str(folder / name))

    return ArrayPredictor(read)


_FORMATS: dict[str, Callable[[str], ArrayPredictor]] = {
    "model.joblib": _joblib,
    "model.pkl": _joblib,
    "model.ubj": _xgboost,
    "model.json": _xgboost,
    "model.bst": _xgboost,
    "model.txt": _lightgbm,
}


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
