"""The objects that a checkout deploys to a bucket. Reads files and calls git."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from deploy.owner import owner_of
from deploy.pipeline_images import pipeline_images
from deploy.release_guard import FOLDER, digest, with_guard
from deploy.tracked import FOLDERS, tracked
from titleholder.config.loader import load_models
from titleholder.errors import EnvironmentConfigError
from titleholder.pipelines.templates import template_version
from titleholder.release import RELEASE_FILE, TEMPLATES_PATH

# Read by editors only.
_SCHEMA = "dags/models/schema.json"


@dataclass(frozen=True)
class DesiredState:
    """Objects by name, in the order of their upload.

    `release_objects` are the pipelines, the package and the models' files, under names that are not
    in use yet; `entry_objects` are the DAG files and Airflow's plugin, each of which names its
    release. `models` are names; `images` are those that pipelines name, with the pipelines' files,
    and `serving_images` those of them that are to serve a model; `uncommitted` and `left_out` are
    those of `Tracked`.
    """

    release: str
    release_objects: dict[str, bytes]
    entry_objects: dict[str, bytes]
    models: tuple[str, ...]
    owner: str
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    serving_images: tuple[str, ...] = ()
    uncommitted: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def objects(self) -> dict[str, bytes]:
        """All objects."""
        return self.release_objects | self.entry_objects


def desired_state(repository: Path, owner: str = "") -> DesiredState:
    """The desired state of the checkout in `repository`, with that owner (see `owner_of`).

    Raises ConfigError for an invalid model file, EnvironmentConfigError for a pipeline that is not
    compiled or not YAML, for a DAG file with a syntax error, and for a folder that is not a
    checkout.
    """
    found = tracked(repository)
    dags, files, compiled = (
        {
            name.removeprefix(f"{folder}/"): content
            for name, content in found.files.items()
            if name.startswith(f"{folder}/") and name != _SCHEMA
        }
        for folder in FOLDERS
    )
    models = {name: dags.pop(name) for name in list(dags) if name.startswith("models/")}
    pipelines = {
        name: f"{template_version(name, content)}{Path(name).suffix}"
        for name, content in compiled.items()
    }
    # Plugins of Airflow: one copy for all releases.
    plugins = {name: files.pop(name) for name in list(files) if re.fullmatch(r"\w+\.py", name)}
    files |= models
    files[f"titleholder/{RELEASE_FILE}"] = json.dumps({"pipelines": pipelines}).encode()
    release = digest(files)
    images, serving = _images(compiled)
    return DesiredState(
        release=release,
        release_objects={f"{TEMPLATES_PATH}/{pipelines[name]}": compiled[name] for name in compiled}
        # The first is .airflowignore: without it Airflow imports each file as a plugin.
        | {f"{FOLDER}{release}/{name}": files[name] for name in sorted(files)},
        entry_objects={
            f"plugins/{name}": _guarded(f"plugins/{name}", content, release)
            for name, content in plugins.items()
        }
        | {
            f"dags/{name}": _guarded(f"dags/{name}", content, release)
            if name.endswith(".py")
            else content
            for name, content in dags.items()
        },
        models=_models(models, compiled),
        owner=owner_of(repository, owner),
        images=images,
        serving_images=serving,
        uncommitted=tuple(name for name in found.uncommitted if name != _SCHEMA),
        left_out=found.left_out,
    )


def _guarded(name: str, content: bytes, release: str) -> bytes:
    try:
        return with_guard(content, release)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise EnvironmentConfigError(
            f"{name} is not valid Python ({error}); correct it, or move it away"
        ) from None


def _images(compiled: Mapping[str, bytes]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The images, with the files that name them, and those of them that are to serve a model."""
    found: dict[str, tuple[str, ...]] = {}
    serving: dict[str, None] = {}
    for name, content in compiled.items():
        try:
            images = pipeline_images(content)
        except yaml.YAMLError as error:
            raise EnvironmentConfigError(
                f"pipeline/compiled/{name} is not valid YAML ({' '.join(str(error).split())}); "
                "compile it again with `make compile`"
            ) from None
        for image, serves in images.items():
            found[image] = (*found.get(image, ()), name)
            if serves:
                serving[image] = None
    return found, tuple(serving)


def _models(files: Mapping[str, bytes], compiled: Collection[str]) -> tuple[str, ...]:
    with TemporaryDirectory() as scratch:
        # Not the checkout's folder, which may have files that are not uploaded.
        for name, content in files.items():
            path = Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        found = load_models(Path(scratch, "models")).require_valid()
    for config in found:
        for template in (
            config.pipeline.template,
            *([config.duel.template] if config.duel else []),
        ):
            if not template.startswith("gs://") and template not in compiled:
                raise EnvironmentConfigError(
                    f"{config.model}.yaml: git tracks no pipeline/compiled/{template}; compile it "
                    "with `make compile` and commit it, or correct the name"
                )
    return tuple(config.model for config in found)
