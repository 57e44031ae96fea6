"""The images that the sandbox can run: this project's, Google's prebuilt ones, and those of a file.

An image is run as a process: its command, in a Python environment made of its requirements.
"""

import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from images import reference
from sandbox.state import CHECKOUT, REPOSITORY

_CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "titleholder"
KEPT: Final = REPOSITORY / ".images" if CHECKOUT else _CACHE / "images"
"""Where environments and the sources of this project's images are kept. They depend only on their
content, so they outlive the sandbox's data."""
DEFAULT_FILE: Final = REPOSITORY / "images" / "sandbox.yaml"
"""The file of further images, if it is there and no other is named."""

_PREBUILT: Final = re.compile(
    r"(?:us|europe|asia)-docker\.pkg\.dev/vertex-ai/prediction/(?P<name>(?P<framework>[a-z0-9_-]+)"
    r"-(?:cpu|gpu)\.\d+-\d+)(?:[:@].+)?"
)
# https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers lists the framework's
# minor version and Python, and the SDK's constants/prediction.py those before, of which its
# upload_* methods choose 1.0 of scikit-learn and 1.4 of XGBoost by default. The patch versions and
# numpy are not listed: the newest of that time that Python 3.10 and 3.11 have.
_OLD: Final = ("numpy==1.23.5", "scikit-learn==1.2.2")
_PREBUILT_PACKAGES: Final = {
    "sklearn-cpu.1-6": ("scikit-learn==1.6.1", "numpy==1.26.4"),
    "sklearn-cpu.1-5": ("scikit-learn==1.5.2", "numpy==1.26.4"),
    "sklearn-cpu.1-4": ("scikit-learn==1.4.2", "numpy==1.26.4"),
    "sklearn-cpu.1-3": ("scikit-learn==1.3.2", "numpy==1.26.4"),
    "sklearn-cpu.1-2": _OLD,
    "sklearn-cpu.1-0": ("scikit-learn==1.0.2", "numpy==1.21.6"),
    "xgboost-cpu.2-1": ("xgboost-cpu==2.1.4", "numpy==1.26.4", "scikit-learn==1.5.2"),
    "xgboost-cpu.2-0": ("xgboost==2.0.3", *_OLD),
    "xgboost-cpu.1-7": ("xgboost==1.7.6", *_OLD),
    "xgboost-cpu.1-6": ("xgboost==1.6.2", "setuptools==67.8.0", *_OLD),
    "xgboost-cpu.1-5": ("xgboost==1.5.2", "setuptools==67.8.0", *_OLD),
    "xgboost-cpu.1-4": ("xgboost==1.4.2", "setuptools==67.8.0", *_OLD),
    "xgboost-cpu.1-3": ("xgboost==1.3.3", *_OLD),
    "xgboost-cpu.1-2": ("xgboost==1.2.1", *_OLD),
    "xgboost-cpu.1-1": ("xgboost==1.1.1", *_OLD),
}
_PREBUILT_PYTHON: Final = "3.10"
_ONLY_OLD_PYTHON: Final = {"sklearn-cpu.1-0"}  # whose packages no later Python has
_SERVER_PACKAGES: Final = ("google-cloud-storage", "httptools", "joblib", "starlette", "uvicorn")
_COMPONENTS: Final = re.compile(
    r"gcr\.io/ml-pipeline/google-cloud-pipeline-components:(?P<version>\d+\.\d+\.\d+)"
)
# kfp and its parts are pure Python, of which the index has no wheels.
_SOURCES: Final = ("kfp", "kfp-pipeline-spec", "kfp-server-api")
_OWN: Final = re.compile(rf"/{reference.NAME}:([0-9a-f]{{16}})$")
_KEYS: Final = {"image", "requirements", "python", "command", "path"}
_VERSION: Final = re.compile(r"\d+(?:\.\d+){1,2}")
_PYTHON: Final = re.compile(
    r"(?:(?:docker\.io/)?(?:library/)?python|mirror\.gcr\.io/library/python"
    r"|public\.ecr\.aws/docker/library/python|registry\.access\.redhat\.com/ubi\d+/python-3\d+)"
    r"(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?"
)


def is_plain_python(uri: str) -> bool:
    """Whether this is a Python image without packages: Docker's official ones, also from the
    mirrors of Google and Amazon, and Red Hat's."""
    return bool(_PYTHON.fullmatch(uri))


def google_components(uri: str) -> "Image | None":
    """The image of the Google Cloud Pipeline Components, whose commands are modules of that package
    and need nothing else; None for any other image."""
    found = _COMPONENTS.fullmatch(uri)
    if found is None:
        return None
    package = f"google-cloud-pipeline-components=={found['version']}"
    return Image(uri, "\n".join((package, *(f"--no-binary {one}" for one in _SOURCES))), "3.11")


class UnknownImage(Exception):
    """The image is not known, or its entry in the file is invalid; the message is one sentence."""


@dataclass(frozen=True)
class Image:
    """How to run an image."""

    uri: str
    requirements: str
    """The text of a requirements file; hashes are checked if it has any."""
    python: str
    """The Python version, such as 3.11."""
    command: tuple[str, ...] = ()
    """The command of the image's Dockerfile; empty for an image without a server."""
    path: str = ""
    """A folder for PYTHONPATH, as the image has it; empty for none."""
    needs_python: bool = False
    """Whether no other Python version may take the place of `python`."""


class Catalog:
    """Finds images by their URIs."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` lists further images, by default DEFAULT_FILE. Raises UnknownImage if it is
        invalid."""
        self.file = file or DEFAULT_FILE
        self._entries = _read(self.file) if file or self.file.exists() else []

    def find(self, uri: str) -> Image:
        """The image of that URI; raises UnknownImage, which says how to make it known."""
        for pattern, image in self._entries:
            if fnmatchcase(uri, pattern):
                return image
        own = _OWN.search(uri)
        if own and (folder := _kept(own[1])):
            return _own_image(uri, folder)
        prebuilt = _PREBUILT.fullmatch(uri)
        if prebuilt and prebuilt["name"] in _PREBUILT_PACKAGES:
            return _prebuilt(uri, prebuilt["name"], prebuilt["framework"])
        if own:
            raise UnknownImage(
                f"the image {uri} was built from another lock than this checkout's, whose image is "
                f"{reference.image_reference()}, and was never used here: run `make compile` and "
                f"train again, or list the image in {self.file} with its own requirements"
            )
        raise UnknownImage(
            f"the sandbox does not know the image {uri}: list it in {self.file} with its "
            "requirements and command (docs/explanation/sandbox.md) and restart the sandbox, or "
            f"use this project's image or one of {', '.join(_PREBUILT_PACKAGES)}"
        )


def _kept(tag: str) -> Path | None:
    """The folder with the files of this project's image of that tag; None if it is not this
    checkout's and was never used.

    Files that were used are kept: a model can then be started again when the checkout has another
    lock.
    """
    folder = KEPT / tag
    if folder.exists():
        return folder
    files = reference.context_files()
    if reference.image_tag(files) != tag:
        return None
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
        for name, content in files.items():
            path = Path(scratch, "files", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with suppress(OSError):  # another process was faster
            Path(scratch, "files").rename(folder)
    return folder


def _own_image(uri: str, folder: Path) -> Image:
    return Image(
        uri,
        (folder / "requirements.txt").read_text(encoding="utf-8"),
        "3.11",
        ("python", "-m", "model_server"),
        str(folder / "src"),
    )


def _prebuilt(uri: str, name: str, framework: str) -> Image:
    return Image(
        uri,
        "\n".join((*_PREBUILT_PACKAGES[name], *_SERVER_PACKAGES)),
        _PREBUILT_PYTHON,
        ("python", str(Path(__file__).with_name("prebuilt_server.py")), framework),
        str(reference.SOURCE),
        name in _ONLY_OLD_PYTHON,
    )


def _read(file: Path) -> list[tuple[str, Image]]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise UnknownImage(f"{file} cannot be read ({first}): correct it") from error
    entries = content.get("images") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise UnknownImage(f"{file} has no list `images`: write one entry for each image")
    return [_entry(file, entry) for entry in entries]


def _entry(file: Path, entry: Any) -> tuple[str, Image]:
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise UnknownImage(f"{file}: an entry of `images` has no key `image`: write its URI")
    uri = entry["image"]

    def invalid(problem: str) -> UnknownImage:
        return UnknownImage(f"{file}: the image {uri} {problem}")

    if unknown := entry.keys() - _KEYS:
        raise invalid(f"has the unknown keys {', '.join(sorted(unknown))}: remove them")
    command = entry.get("command", [])
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise invalid("has a command that is not a list of strings: write [python, -m, server]")
    requirements = ""
    if "requirements" in entry:
        path = file.parent / str(entry["requirements"])
        try:
            requirements = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise invalid(f"names {path}, which cannot be read: correct the path") from error
    folder = (file.parent / str(entry["path"])).resolve() if "path" in entry else None
    if folder is not None and not folder.is_dir():
        raise invalid(f"names the folder {folder}, which does not exist: correct the path")
    python = entry.get("python", "3.11")
    if not isinstance(python, str) or not _VERSION.fullmatch(python):  # 3.10 is the number 3.1
        raise invalid(f"has the python {python!r}, which is no version: write it in quotes, '3.10'")
    return uri, Image(
        uri, requirements, python, tuple(command), str(folder or ""), "python" in entry
    )
