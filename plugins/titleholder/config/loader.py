"""Loader of models' YAML files; errors have file, line, key and remedy."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from titleholder.config.messages import truncated_repr, validation_messages
from titleholder.config.model import ModelConfig
from titleholder.config.yaml_reader import lines_of, load_yaml, syntax_error
from titleholder.errors import ConfigError

EXTENDS = "extends"


class Models(NamedTuple):
    """The models of a folder of YAML files, and the errors of the invalid files."""

    configs: list[ModelConfig]
    errors: list[ConfigError]

    def require_valid(self) -> list[ModelConfig]:
        """The models; raises ConfigError, one line for each error, if any file is invalid."""
        if self.errors:
            raise ConfigError("\n".join(str(error) for error in self.errors))
        return self.configs


def load_model(path: Path) -> ModelConfig:
    """The model of one file, with the values of the file that it extends.

    Raises ConfigError with one line for each error, and no other exception: an error in one file
    must not affect the other models.
    """
    raw, duplicates = load_with_base(path)
    errors: list[str] = []
    try:
        config = ModelConfig.model_validate(raw)
        if config.model != path.stem:
            errors.append(
                f"model: is {config.model!r}; name it {path.stem!r} as its file, or rename the file"
            )
    except ValidationError as error:
        errors += validation_messages(error, ModelConfig)
    lines = [f"{path.name}:{line}: {message}" for line, message in duplicates]
    lines += located(path, errors)
    if lines:
        raise ConfigError("\n".join(lines))
    return config


def located(path: Path, messages: Iterable[str]) -> list[str]:
    """`file:line: key: problem; remedy` of each message `key: problem; remedy` on that file;
    without the lines if the file cannot be read any more. A key that the file has from the one
    that it extends is in the line of `extends`."""
    messages = list(messages)
    if not messages:
        return []
    keys = [message.partition(":")[0] for message in messages]
    try:
        lines = lines_of(path.read_text(encoding="utf-8"), keys, EXTENDS)
    except (yaml.YAMLError, ValueError, OSError):
        return [f"{path.name}: {message}" for message in messages]
    return [f"{path.name}:{line}: {message}" for line, message in zip(lines, messages, strict=True)]


def model_of(error: ConfigError) -> str:
    """The model whose file this error of `load_models` is about: its message begins with the file's
    name."""
    return str(error).partition(":")[0].removesuffix(".yaml")


def load_model_by_name(folder: Path, name: str) -> ModelConfig:
    """The model of that name. Raises ConfigError if it is invalid or missing, or if another file of
    the folder has its endpoint."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(found.stem for found in folder.glob("*.yaml"))
        close = get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known) or 'none'}"
        raise ConfigError(f"there is no model {name!r} in {folder}; {hint}")
    config = load_model(path)
    # Errors of other files do not matter, except a clash of endpoints.
    if (error := _clashes(folder, _loaded(folder)[0]).get(name)) is not None:
        raise error
    return config


def model_from_json(text: str) -> ModelConfig:
    """The model from its JSON. Raises ConfigError if another version of this package wrote it and
    it is not valid here."""
    try:
        return ModelConfig.model_validate_json(text)
    except ValidationError:
        raise ConfigError(
            "its DAG was read by another version of titleholder; look again in a minute, and if "
            "this stays, let Airflow read the DAG again"
        ) from None


def load_models(folder: Path, only: str | None = None) -> Models:
    """All models of a folder, or only the one named `only`, sorted by name.

    A YAML file that is none of them, in a folder below or with the suffix .yml, is an error.
    An endpoint belongs to one model: another file with the same endpoint and connection is an
    error, preferably the file that extends another. Whether two connections lead to the same
    endpoint is checked at run time, by the endpoint's label.
    """
    configs, errors = _loaded(folder, only)
    if only is None:
        errors += _misplaced(folder)
    clashes = _clashes(folder, configs)
    valid = [config for config in configs if config.model not in clashes]
    return Models(valid, [*errors, *clashes.values()])


def load_with_base(path: Path) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The keys of the file merged over those of the file that it extends, and line and message for
    each duplicate key.

    Sections are merged key by key; lists and values are replaced. Raises ConfigError.
    """
    own, duplicates = _read_keys(path)
    name = own.get(EXTENDS)
    if not isinstance(name, str):
        return own, duplicates
    others = sorted(file.stem for file in path.parent.glob("*.yaml") if file != path)
    if name not in others:
        problem = f"{EXTENDS}: is {truncated_repr(name)}, which is no other file beside it"
        remedy = f"write one of {', '.join(others) or 'those that you add'}"
        raise ConfigError(*located(path, [f"{problem}; {remedy}"]))
    base, _ = _read_keys(path.with_name(f"{name}.yaml"))
    if EXTENDS in base:
        problem = f"{EXTENDS}: is {name!r}, which itself extends another"
        remedy = f"write {base[EXTENDS]!r}, or add its keys here"
        raise ConfigError(*located(path, [f"{problem}; {remedy}"]))
    return _merged(base, own), duplicates


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        inherited = base.get(key)
        if isinstance(value, dict) and isinstance(inherited, dict):
            value = _merged(inherited, value)
        merged[key] = value
    return merged


def _read_keys(path: Path) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        raw, duplicates = load_yaml(text)
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        line, problem = (
            syntax_error(text, error)
            if isinstance(error, yaml.YAMLError)
            else (None, " ".join(str(error).split()))
        )
        place = f"{path.name}:{line}" if line else path.name
        raise ConfigError(f"{place}: not readable as YAML ({problem}); correct it") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: has no keys; write at least those of linnerud.yaml")
    return raw, duplicates


def _loaded(folder: Path, only: str | None = None) -> tuple[list[ModelConfig], list[ConfigError]]:
    configs: list[ModelConfig] = []
    errors = []
    for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
        if only is not None and path.stem != only:
            continue
        try:
            configs.append(load_model(path))
        except ConfigError as error:
            errors.append(error)
    return configs, errors


def _misplaced(folder: Path) -> list[ConfigError]:
    """An error for each YAML file that would be overlooked."""
    found = (
        path.relative_to(folder)
        for pattern in ("*.yml", "*/*.yml", "*/*.yaml")
        for path in sorted(folder.glob(pattern))
    )
    return [
        ConfigError(
            f"{path}: is not read, as a model's file is NAME.yaml in the folder of all models; "
            f"move it to {path.with_suffix('.yaml').name}"
        )
        for path in found
        if not path.parts[0].startswith(".")
    ]


def _clashes(folder: Path, configs: list[ModelConfig]) -> dict[str, ConfigError]:
    """Model name to error, for each model with the endpoint of another model."""
    owners: dict[tuple[str, str], str] = {}
    found = {}
    for config in sorted(configs, key=lambda config: config.extends is not None):
        name = config.endpoint.display_name
        owner = owners.setdefault((config.connection, name), config.model)
        if owner != config.model:
            message = f"endpoint.display_name: {name!r} is the endpoint of {owner}.yaml"
            path = folder / f"{config.model}.yaml"
            found[config.model] = ConfigError(*located(path, [f"{message}; name another one"]))
    return found
