"""YAML as safe_load reads it, except that a key written twice does not go unnoticed."""

from collections.abc import Iterator
from typing import Any

import yaml

# By libyaml where PyYAML has it: eight times as fast, which is most of what parsing a DAG file with
# many models costs.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml's loader recurses on the C stack, whose end is the end of the process.
_MAX_DEPTH = 100


def load_yaml(text: str) -> tuple[Any, list[str]]:
    """What the text holds, and a sentence for each key that is there twice.

    Raises yaml.YAMLError, and ValueError for a value such as 2026-02-30.
    """
    loader = _safe(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, []
        # Before it is made into Python objects, which merges `<<` into the keys.
        twice = list(_duplicate_keys(node, (), set()))
        return loader.construct_document(node), twice
    finally:
        loader.dispose()


def first_document(text: bytes) -> Any:
    """What the first document of the text holds, None without one. Raises yaml.YAMLError, and
    UnicodeDecodeError."""
    loader = _safe(text)
    try:
        return loader.get_data() if loader.check_data() else None
    finally:
        loader.dispose()


def _safe(text: str | bytes) -> Any:
    deep = 0
    for event in yaml.parse(text, Loader=_Loader):
        deep += isinstance(event, yaml.CollectionStartEvent)
        deep -= isinstance(event, yaml.CollectionEndEvent)
        if deep > _MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {_MAX_DEPTH} levels deep")
    return _Loader(text)


def _duplicate_keys(node: yaml.Node, path: tuple[str, ...], seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias, which may even contain itself
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _duplicate_keys(item, (*path, str(number)), seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        here, line = (*path, key.value), key.start_mark.line + 1
        name = (key.tag, key.value)
        if name in lines:
            yield (
                f"{'.'.join(here)}: is written twice, in line {lines[name]} and in line {line}; "
                "keep one"
            )
        lines.setdefault(name, line)
        yield from _duplicate_keys(value, here, seen)
