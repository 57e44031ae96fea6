"""A model's YAML file over the one that it is based on."""

from pathlib import Path
from typing import Any

import yaml

from titleholder.config.messages import shown
from titleholder.config.yaml_reader import read
from titleholder.errors import ConfigError

BASED_ON = "based_on"


def layered(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The keys of the file and, where it names a file beside it as `based_on`, that one's for those
    that it leaves out; and a sentence for each key that the file has twice.

    Sections are merged key by key; lists and values are replaced. Raises ConfigError.
    """
    own, twice = _keys(path)
    name = own.get(BASED_ON)
    if not isinstance(name, str):
        return own, twice
    others = sorted(file.stem for file in path.parent.glob("*.yaml") if file != path)
    if name not in others:
        raise ConfigError(
            f"{path.name}: {BASED_ON}: is {shown(name)}, which is no other file beside it; "
            f"write one of {', '.join(others) or 'those that you add'}"
        )
    below, _ = _keys(path.with_name(f"{name}.yaml"))
    if BASED_ON in below:
        raise ConfigError(
            f"{path.name}: {BASED_ON}: is {name!r}, which is itself based on another; write "
            f"{below[BASED_ON]!r}, or add its keys here"
        )
    return _over(below, own), twice


def _over(below: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in own.items():
        under = below.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            value = _over(under, value)
        merged[key] = value
    return merged


def _keys(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        raw, twice = read(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path.name}: not readable as YAML ({problem}); mend it") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: holds no keys; write at least those of linnerud.yaml")
    return raw, twice
