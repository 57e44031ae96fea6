"""What a checkout puts into a bucket, object by object. Reads files, and nothing else."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.gate import FOLDER, digest, gated
from titleholder.compiled import version_of
from titleholder.config import load_models
from titleholder.errors import SettingError
from titleholder.release import NOTE, PIPELINES


@dataclass(frozen=True)
class Wanted:
    """Objects by name, in the order in which they must come. `ready`: pipelines, package and
    models' files, under names that nobody uses yet. `switch`: the DAG files and Airflow's plugin,
    each of which names the release that it uses. `models` are the names of the models."""

    release: str
    ready: dict[str, bytes]
    switch: dict[str, bytes]
    models: tuple[str, ...]

    @property
    def objects(self) -> dict[str, bytes]:
        """All of them."""
        return self.ready | self.switch


def wanted(repository: Path) -> Wanted:
    """What the checkout in the folder `repository` comes to.

    Raises ConfigError for a model's file that is wrong, SettingError for a pipeline that is named
    and not compiled, and for a DAG file that is no Python.
    """
    dags, compiled = _files(repository / "dags"), _files(repository / "pipeline/compiled")
    # It is for editors.
    dags.pop("models/schema.json", None)
    names = _models(repository / "dags/models", compiled)
    pipelines = {
        name: f"{version_of(name, content)}{Path(name).suffix}"
        for name, content in compiled.items()
    }
    files = _files(repository / "plugins")
    # Each is a plugin of Airflow's, of which there may be one, whatever the number of releases.
    plugins = {name: files.pop(name) for name in list(files) if re.fullmatch(r"\w+\.py", name)}
    files |= {name: dags.pop(name) for name in list(dags) if name.startswith("models/")}
    files[f"titleholder/{NOTE}"] = json.dumps({"pipelines": pipelines}).encode()
    release = digest(files)
    return Wanted(
        release=release,
        ready={f"{PIPELINES}/{pipelines[name]}": compiled[name] for name in compiled}
        # The first of them is .airflowignore, without which Airflow would import each file as a
        # plugin of its own.
        | {f"{FOLDER}{release}/{name}": files[name] for name in sorted(files)},
        switch={
            f"plugins/{name}": _gated(f"plugins/{name}", content, release)
            for name, content in plugins.items()
        }
        | {
            f"dags/{name}": _gated(f"dags/{name}", content, release)
            if name.endswith(".py")
            else content
            for name, content in dags.items()
        },
        models=names,
    )


def _gated(name: str, content: bytes, release: str) -> bytes:
    try:
        return gated(content, release)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SettingError(f"{name} is no Python ({error}); correct it, or move it away") from None


def _models(folder: Path, compiled: Collection[str]) -> tuple[str, ...]:
    found = load_models(folder).whole()
    for config in found:
        for template in (
            config.pipeline.template,
            *([config.duel.template] if config.duel else []),
        ):
            if not template.startswith("gs://") and template not in compiled:
                raise SettingError(
                    f"{config.model}.yaml: there is no pipeline/compiled/{template}; compile it "
                    "with `make compile`, or correct the name"
                )
    return tuple(config.model for config in found)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _paths(folder)}


def _paths(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
