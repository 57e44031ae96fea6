"""Loads a model's artifact: only from the models' folder, and only as it was registered."""

from typing import Any


def load_artifact(role: str, uri: str, sha256: str, root: str, folder: str) -> Any:
    """The predictor of the artifact `uri`, which has that digest; `folder` gets its files.

    `role` (champion, challenger) is for the messages. Loading a model can run any code of its
    files, so they are checked before: raises ValueError for an artifact that is not under `root`
    (both are gs:// URIs), that has another digest or that this image cannot load.
    """
    import re
    from pathlib import Path

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
    try:
        from model_server.artifact import ArtifactError, download, require_digest
        from model_server.predictors import load_predictor
    except ModuleNotFoundError as error:
        raise ValueError(
            f"The image of the {role} has no package {error.name}, by which models are scored: "
            "build it from images/Dockerfile, and train and register the model again."
        ) from None
    try:
        download(uri, Path(folder))
        require_digest(Path(folder), uri, sha256)
        return load_predictor(Path(folder), uri)
    except ArtifactError as error:
        raise ValueError(f"The {role} cannot be scored: {error}.") from error
