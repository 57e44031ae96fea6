"""Loads models from the sandbox's Cloud Storage."""

import io
import re
import threading
import warnings
from typing import Any, Final, Protocol

import joblib
import sklearn
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from sklearn.exceptions import InconsistentVersionWarning

from sandbox.vertex.http.errors import FailedPrecondition
from sandbox.vertex.http.guards import require_loopback

_GS: Final = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/?(.*)")
_IMAGE: Final = re.compile(
    r"(?:us|europe|asia)-docker\.pkg\.dev/vertex-ai/prediction/sklearn-cpu\.(\d+)-(\d+)(?:[:@].+)?"
)
_FILES: Final = ("model.joblib", "model.pkl")
# warnings.catch_warnings() changes the filters of the whole process.
_FILTERS: Final = threading.Lock()


class Estimator(Protocol):
    """A loaded model with the `predict` of a scikit-learn estimator."""

    def predict(self, instances: Any) -> Any:
        """One prediction for each instance."""


class Artifacts:
    """Loads the files that the prebuilt scikit-learn container loads.

    Loading a joblib file can run any code, so models are loaded only from the storage on this
    machine, to which only its users can write.
    """

    def __init__(self, storage_host: str, project: str) -> None:
        """Raises ValueError unless `storage_host` is http:// on a loopback address."""
        require_loopback("STORAGE_EMULATOR_HOST", storage_host, "models are loaded only from there")
        self._client = Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": storage_host},
        )

    def load(self, artifact_uri: str, image_uri: str) -> Estimator:
        """The estimator in `model.joblib` or `model.pkl` directly under the URI.

        Raises FailedPrecondition, as for a container that does not become healthy: for an image
        that is not the prebuilt scikit-learn one or has another version of scikit-learn than the
        sandbox, a missing file, a file that cannot be loaded or was written by another version of
        scikit-learn, and an object without `predict`.
        """
        self._check_image(image_uri)
        name, content = self._read(artifact_uri)
        try:
            with _FILTERS, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", InconsistentVersionWarning)
                estimator = joblib.load(io.BytesIO(content))
        except Exception as error:
            raise _exited(f"{name} cannot be loaded: {error!r}") from error
        if not callable(getattr(estimator, "predict", None)):
            raise _exited(f"{name} holds a {type(estimator).__name__}, which cannot predict")
        return estimator  # type: ignore[no-any-return]

    def _check_image(self, image_uri: str) -> None:
        image = _IMAGE.fullmatch(image_uri)
        if image is None:
            raise _exited(f"the sandbox runs only the image sklearn-cpu, not {image_uri}")
        installed = ".".join(sklearn.__version__.split(".")[:2])
        if f"{image[1]}.{image[2]}" != installed:
            raise _exited(
                f"the image has scikit-learn {image[1]}.{image[2]} and the sandbox {installed}; "
                "use the image of the version that trained the model"
            )

    def _read(self, artifact_uri: str) -> tuple[str, bytes]:
        location = _GS.fullmatch(artifact_uri)
        if location is None:
            raise _exited(f"{artifact_uri!r} is not a folder under gs://")
        folder = artifact_uri.rstrip("/")
        prefix = f"{location[2].rstrip('/')}/" if location[2] else ""
        for file in _FILES:
            try:
                blob = self._client.bucket(location[1]).blob(prefix + file)
                return f"{folder}/{file}", blob.download_as_bytes(timeout=30, retry=None)
            except NotFound:
                continue
            except Exception as error:
                raise _exited(f"{folder}/{file} cannot be read: {error!r}") from error
        raise _exited(f"there is no {' or '.join(_FILES)} directly under {folder}")


def _exited(cause: str) -> FailedPrecondition:
    return FailedPrecondition(f"Model server exited unexpectedly. Cause: {cause}.")
