"""A model's YAML file over the one that it is based on."""

from pathlib import Path
from typing import Any

import yaml

from titleholder.config.messages import truncated_repr
from titleholder.config.yaml_reader import load_yaml
from titleholder.errors import ConfigError

EXTENDS = "extends"


def load_with_base(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The keys of the file and, where it names a file beside it as `extends`, that one's for those
    that it leaves out; and a sentence for each key that the file has twice.

    Sections are merged key by key; lists and values are replaced. Raises ConfigError.
    """
    own, twice = _read_keys(path)
    name = own.get(EXTENDS)
    if not isinstance(name, str):
        return own, twice
    others = sorted(file.stem for file in path.parent.glob("*.yaml") if file != path)
    if name not in others:
        raise ConfigError(
            f"{path.name}: {EXTENDS}: is {truncated_repr(name)}, which is no other file beside it; "
            f"write one of {', '.join(others) or 'those that you add'}"
        )
    below, _ = _read_keys(path.with_name(f"{name}.yaml"))
    if EXTENDS in below:
        raise ConfigError(
            f"{path.name}: {EXTENDS}: is {name!r}, which is itself based on another; write "
            f"{below[EXTENDS]!r}, or add its keys here"
        )
    return _merged(below, own), twice


def _merged(below: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in own.items():
        under = below.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            value = _merged(under, value)
        merged[key] = value
    return merged


def _read_keys(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        raw, twice = load_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path.name}: not readable as YAML ({problem}); mend it") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: holds no keys; write at least those of linnerud.yaml")
    return raw, twice
