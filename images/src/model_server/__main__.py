"""`python -m model_server`: serve the artifact at AIP_STORAGE_URI.

Environment variables, set by Vertex AI: AIP_STORAGE_URI (a `gs://` folder), AIP_HTTP_PORT (8080),
AIP_HEALTH_ROUTE (/health), AIP_PREDICT_ROUTE (/predict). Set at registration: MODEL_SHA256, the
digest of the artifact, which is not loaded without it. MODEL_SERVER_HOST is the address to listen
on, by default all, as Vertex AI requires.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from model_server.artifact import ArtifactError, download, require_digest
from model_server.examples import check_examples
from model_server.predictors import Predictor, load_predictor


def load(environment: Mapping[str, str], folder: Path) -> Predictor:
    """The predictor of the artifact, copied into `folder` and checked. Raises ArtifactError."""
    uri, digest = environment.get("AIP_STORAGE_URI", ""), environment.get("MODEL_SHA256", "")
    if not digest:
        raise ArtifactError(
            "MODEL_SHA256 is not set: register the model with the digest of its artifact in this "
            "variable of its container"
        )
    download(uri, folder)
    require_digest(folder, uri, digest)
    predictor = load_predictor(folder, uri)
    count = check_examples(predictor, folder, uri)
    print(f"model_server: {uri} is loaded; it repeats {count} recorded predictions", flush=True)
    return predictor


def main() -> int:
    """Serve until SIGTERM; 1, with one sentence on stderr, for an artifact that cannot be used."""
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        try:
            predictor = load(os.environ, Path(folder))
        except ArtifactError as error:
            print(f"model_server: {error}", file=sys.stderr)
            return 1
        serve(predictor)
    return 0


def serve(predictor: Predictor, failed: str = "Prediction failed: ") -> None:
    """Serve the predictor until SIGTERM; `failed` precedes the texts of errors."""
    import uvicorn

    from model_server.app import create_app

    app = create_app(
        predictor,
        os.environ.get("AIP_HEALTH_ROUTE", "/health"),
        os.environ.get("AIP_PREDICT_ROUTE", "/predict"),
        failed,
    )
    uvicorn.run(
        app,
        # Vertex AI requires the server to listen on all addresses of its container.
        host=os.environ.get("MODEL_SERVER_HOST", "0.0.0.0"),  # noqa: S104
        port=int(os.environ.get("AIP_HTTP_PORT", "8080")),
        log_level="warning",
        timeout_graceful_shutdown=60,
        # Longer than Google's load balancers keep idle connections (600 s): a server that closes
        # them first resets requests that are on their way.
        timeout_keep_alive=620,
    )


if __name__ == "__main__":
    sys.exit(main())
