"""The server of Google's prebuilt containers: `python prebuilt_server.py FRAMEWORK`.

It loads the model's file without knowing its digest, and its errors have Google's texts. Run with
the folder of `model_server` on PYTHONPATH.
"""

import os
import sys
import tempfile
from pathlib import Path

from model_server.__main__ import serve
from model_server.artifact import ArtifactError, download
from model_server.predictors import ArrayPredictor, Predictor, XgboostPredictor, load_predictor


def main() -> int:
    """Serve until SIGTERM; 1, with one sentence on stderr, for an artifact that cannot be used."""
    uri = os.environ.get("AIP_STORAGE_URI", "")
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        try:
            download(uri, Path(folder))
            # Only the files of the container's framework count.
            predictor = load_predictor(Path(folder), uri, PREBUILT_FILES[sys.argv[1]])
            predictor = _with_matrix(predictor) if sys.argv[1] == "xgboost" else predictor
        except ArtifactError as error:
            print(f"model server: {error}", file=sys.stderr)
            return 1
        serve(predictor, f"Prediction failed: Exception during {sys.argv[1]} prediction: ")
    return 0


def _with_matrix(predictor: Predictor) -> Predictor:
    """A pickled booster takes a matrix, as one of a `model.bst` does; the SDK's XgboostPredictor
    loads both."""
    import xgboost

    if isinstance(predictor, ArrayPredictor) and isinstance(predictor.model, xgboost.Booster):
        booster = XgboostPredictor(lambda _: predictor.model)
        booster.load("")
        return booster
    return predictor


PREBUILT_FILES = {
    "sklearn": ("model.joblib", "model.pkl"),
    "xgboost": ("model.bst", "model.joblib", "model.pkl"),
}

if __name__ == "__main__":
    sys.exit(main())
