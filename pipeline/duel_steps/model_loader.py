"""Loads a model's file: only from the models' folder, and only as it was registered."""

from typing import Any


def load_model(role: str, uri: str, sha256: str, root: str, project: str) -> Any:
    """The model in the file `model.joblib` of the folder `uri`, whose bytes have that SHA-256.

    `role` (champion, challenger) is for the messages. Unpickling runs code of the file, so the file
    is checked first: raises ValueError for a folder that is not under `root` (both are gs:// URIs),
    for a missing file and for other bytes.
    """
    import hashlib
    import io
    import re

    import joblib
    from google.api_core.exceptions import NotFound
    from google.cloud.storage import Client

    root, uri = root.rstrip("/"), uri.rstrip("/")
    if not re.fullmatch(r"gs://[^/]+(/[^/]+)*", root):
        raise ValueError(
            f"artifact_root is {root!r}: name the gs:// folder that contains the models."
        )
    if not f"{uri}/".startswith(f"{root}/") or {".", "..", ""} & set(uri[5:].split("/")):
        raise ValueError(
            f"The {role}'s artifact {uri} is not under {root}: models are read from there only, "
            "so correct its URI or artifact_root."
        )
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(
            f"{role}_sha256 is {sha256!r}, not 64 hexadecimal digits: give the digest recorded "
            "when the model was registered."
        )
    bucket, _, folder = uri.removeprefix("gs://").partition("/")
    name = f"{folder}/model.joblib".lstrip("/")
    try:
        content = Client(project=project).bucket(bucket).blob(name).download_as_bytes()
    except NotFound:
        raise ValueError(
            f"The {role}'s file gs://{bucket}/{name} does not exist: restore it, or retire that "
            "model."
        ) from None
    # The checked bytes are loaded: a second read could return others.
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ValueError(
            f"The {role}'s file gs://{bucket}/{name} changed: its SHA-256 is {digest} and {sha256} "
            "was recorded at registration; restore the file, or train and register the model again."
        )
    try:
        return joblib.load(io.BytesIO(content))
    except Exception as error:
        first = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"The {role}'s file gs://{bucket}/{name} cannot be loaded ({first}): train it with "
            "the packages that requirements.txt pins."
        ) from error
