"""Pipeline templates and their versions.

A version is `<name>-<first 12 hexadecimal digits of the SHA-256 of its text>`. `make deploy` stores
each template under that name.
"""

import copy
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from titleholder.config.yaml_reader import first_document
from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.release import PACKAGE, templates_dir

_VERSION = re.compile(r"(.+)-([0-9a-f]{12})")


@dataclass(frozen=True)
class PipelineTemplate:
    """A compiled pipeline: its version and the PipelineSpec that Vertex AI runs."""

    version: str
    spec: dict[str, Any]


def template_version(name: str, content: bytes) -> str:
    """The version `linnerud-0123456789ab` of the file or URI `name`, which may contain it."""
    stem = PurePosixPath(name).stem
    named = _VERSION.fullmatch(stem)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return stem if named and named[2] == digest else f"{stem}-{digest}"


def parse_template(name: str, content: bytes) -> PipelineTemplate:
    """The template whose file or URI is `name`. Raises EnvironmentConfigError for a text that is no
    template, or not of the version in `name`."""
    import yaml

    if not _has_version(name, content):
        raise EnvironmentConfigError(
            f"{name} is not the version that its name says; deploy it again"
        )
    # A compiled pipeline with Kubernetes settings has a second document, not for Vertex AI.
    try:
        spec = first_document(content)
    except (yaml.YAMLError, UnicodeDecodeError):
        spec = None
    if not isinstance(spec, dict) or "root" not in spec:
        raise EnvironmentConfigError(f"{name} is not a whole compiled pipeline; compile it anew")
    return PipelineTemplate(template_version(name, content), spec)


def with_images(spec: dict[str, Any], images: Mapping[str, str]) -> dict[str, Any]:
    """The compiled pipeline with these images, by the name of the task that runs in each; a task
    that the pipeline does not have is ignored.

    kfp compiles an executor of its own for each task, so no other task's image changes. An image
    that is a parameter of the job would also need Vertex AI to resolve it.
    """
    changed = copy.deepcopy(spec)
    for task in changed["root"].get("dag", {}).get("tasks", {}).values():
        image = images.get(task.get("taskInfo", {}).get("name", ""))
        if image is not None:
            label = changed["components"][task["componentRef"]["name"]]["executorLabel"]
            changed["deploymentSpec"]["executors"][label]["container"]["image"] = image
    return changed


def load_template(name: str, package: Path = PACKAGE) -> bytes:
    """The text of the template `name`, a file name with or without a version.

    Raises RetryableError for a missing template of this release, which may still be uploaded, and
    EnvironmentConfigError for any other.
    """
    folder, names = templates_dir(package)
    own = names.get(name, name)
    for path in (folder / own, folder / name, folder / _unversioned(name)):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if _has_version(own, content):
            return content
    if name in names:
        raise RetryableError(
            f"the compiled pipeline {folder / own} has not arrived yet; if it does not within "
            "minutes, run `make deploy` again"
        )
    raise EnvironmentConfigError(
        f"no compiled pipeline at {folder / name}; correct the name, compile it with `make "
        "compile`, or set TITLEHOLDER_TEMPLATE_DIR to the folder that holds it"
    )


def _unversioned(name: str) -> str:
    path = PurePosixPath(name)
    named = _VERSION.fullmatch(path.stem)
    return f"{named[1]}{path.suffix}" if named else name


def _has_version(name: str, content: bytes) -> bool:
    """Whether `name` has no version, or that of `content`."""
    named = _VERSION.fullmatch(PurePosixPath(name).stem)
    return named is None or hashlib.sha256(content).hexdigest().startswith(named[2])
