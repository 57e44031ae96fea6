"""Compiled pipelines, and their versions.

A version is `<name>-<first 12 hexadecimal digits of the SHA-256 of its text>`. `make deploy` keeps
each under that name.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from titleholder.config.yaml_reader import first_document
from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.release import PACKAGE, templates_dir

_VERSION = re.compile(r"(.+)-([0-9a-f]{12})")


@dataclass(frozen=True)
class PipelineTemplate:
    """A compiled pipeline: its version, and the PipelineSpec that Vertex AI runs."""

    version: str
    spec: dict[str, Any]


def template_version(name: str, content: bytes) -> str:
    """`linnerud-0123456789ab` for the file or URI `name`, whether or not that says so already."""
    stem = PurePosixPath(name).stem
    named = _VERSION.fullmatch(stem)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return stem if named and named[2] == digest else f"{stem}-{digest}"


def parse_template(name: str, content: bytes) -> PipelineTemplate:
    """The pipeline whose file or URI is `name`. Raises EnvironmentConfigError for what is none, and
    for a text that is not of the version that `name` says."""
    import yaml

    if not _has_version(name, content):
        raise EnvironmentConfigError(
            f"{name} is not the version that its name says; deploy it again"
        )
    # A compiled pipeline with Kubernetes settings has a second document: Vertex AI wants none.
    try:
        spec = first_document(content)
    except (yaml.YAMLError, UnicodeDecodeError):
        spec = None
    if not isinstance(spec, dict) or "root" not in spec:
        raise EnvironmentConfigError(f"{name} is not a whole compiled pipeline; compile it anew")
    return PipelineTemplate(template_version(name, content), spec)


def load_template(name: str, package: Path = PACKAGE) -> bytes:
    """The text of the compiled pipeline `name`, a file or a version as one.

    Raises RetryableError for one of this release that is not there yet, EnvironmentConfigError for
    any other.
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
        f"no compiled pipeline at {folder / name}; compile it there, or set "
        "TITLEHOLDER_TEMPLATE_DIR to the folder that holds it"
    )


def _unversioned(name: str) -> str:
    path = PurePosixPath(name)
    named = _VERSION.fullmatch(path.stem)
    return f"{named[1]}{path.suffix}" if named else name


def _has_version(name: str, content: bytes) -> bool:
    """Whether `name` says no version, or that of `content`."""
    named = _VERSION.fullmatch(PurePosixPath(name).stem)
    return named is None or hashlib.sha256(content).hexdigest().startswith(named[2])
