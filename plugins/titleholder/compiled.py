"""Compiled pipelines: where they lie, which version of one is meant, and what a version is called.

A version is `<name>-<first 12 hexadecimal digits of the SHA-256 of its text>`. `make deploy` keeps
each under that name, and lists in `release.json` which of them belong to a release of this package.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from titleholder.errors import SettingError, TryAgain

# Under the bucket of a Composer environment, which its workers see as /home/airflow/gcs.
DEPLOYED = "data/titleholder/pipelines"
RELEASE = "release.json"

_HERE = Path(__file__).resolve().parent
_VERSION = re.compile(r"(.+)-([0-9a-f]{12})")


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline: its version, and the PipelineSpec that Vertex AI runs."""

    version: str
    spec: dict[str, Any]


def version_of(name: str, content: bytes) -> str:
    """`linnerud-0123456789ab` for the file or URI `name`, whether or not that says so already."""
    stem = PurePosixPath(name).stem
    named = _VERSION.fullmatch(stem)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return stem if named and named[2] == digest else f"{stem}-{digest}"


def compiled(name: str, content: bytes) -> Compiled:
    """The pipeline whose file or URI is `name`. Raises SettingError for what is none, and for a
    text that is not of the version that `name` says."""
    import yaml

    if not _is(name, content):
        raise SettingError(f"{name} is not the version that its name says; deploy it again")
    # A compiled pipeline with Kubernetes settings has a second document: Vertex AI wants none.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        spec = next(yaml.load_all(content, Loader=loader), None)
    except (yaml.YAMLError, UnicodeDecodeError):
        spec = None
    if not isinstance(spec, dict) or "root" not in spec:
        raise SettingError(f"{name} is not a whole compiled pipeline; compile it anew")
    return Compiled(version_of(name, content), spec)


def read(name: str, release: Path = _HERE / RELEASE) -> bytes:
    """The text of the file `name` in TITLEHOLDER_PIPELINES, by default where `make deploy` puts
    the pipelines, or in a checkout `pipeline/compiled`.

    Raises TryAgain for one of this release that is not there yet, SettingError for any other.
    """
    names = _names(release)
    # plugins/titleholder-<release>/titleholder, or plugins/titleholder of a checkout.
    default = _HERE.parents[1] / "pipeline/compiled"
    if names:
        default = release.parents[3] / DEPLOYED
    folder = Path(os.environ.get("TITLEHOLDER_PIPELINES", default))
    own = names.get(name, name)
    for path in (folder / own, folder / name, folder / _unversioned(name)):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if _is(own, content):
            return content
    if name in names:
        raise TryAgain(
            f"the compiled pipeline {folder / own} has not arrived yet; if it does not within "
            "minutes, run `make deploy` again"
        )
    raise SettingError(
        f"no compiled pipeline at {folder / name}; compile it there, or set "
        "TITLEHOLDER_PIPELINES to the folder that holds it"
    )


def _names(release: Path) -> Mapping[str, str]:
    try:
        names: dict[str, str] = json.loads(release.read_bytes())["pipelines"]
    except FileNotFoundError:
        return {}
    return names


def _unversioned(name: str) -> str:
    path = PurePosixPath(name)
    named = _VERSION.fullmatch(path.stem)
    return f"{named[1]}{path.suffix}" if named else name


def _is(name: str, content: bytes) -> bool:
    """Whether `name` says no version, or that of `content`."""
    named = _VERSION.fullmatch(PurePosixPath(name).stem)
    return named is None or hashlib.sha256(content).hexdigest().startswith(named[2])
