"""YAML as safe_load reads it, with duplicate keys and deep nesting as errors."""

from collections.abc import Iterable
from typing import Any

import yaml

# libyaml is eight times as fast, and parsing is most of the time of reading many models.
# libyaml, where there is one, is ten times as fast.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml's loader recurses on the C stack, whose overflow would end the process.
_MAX_DEPTH = 100


class _Loader(SafeLoader):  # type: ignore[misc]
    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self.duplicates: list[tuple[int, str]] = []
        self._checked: set[yaml.Node] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Check the keys first: this merges `<<` into the node, which is no duplicate."""
        if node not in self._checked:
            self._checked.add(node)
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    line, name = key.start_mark.line + 1, (key.tag, key.value)
                    if name in lines:
                        first = lines[name]
                        message = f"{key.value}: is written twice, in line {first} and in line"
                        self.duplicates.append((line, f"{message} {line}; keep one"))
                    lines.setdefault(name, line)
        super().flatten_mapping(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value; an error of one such as 2026-02-30 gets its line."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.MarkedYAMLError(None, None, str(error), node.start_mark) from None


def load_yaml(text: str) -> tuple[Any, list[tuple[int, str]]]:
    """The content of the text, and line and message for each duplicate key.

    Raises yaml.YAMLError, also for a value such as 2026-02-30.
    """
    loader = _loader(text)
    try:
        return loader.get_single_data(), loader.duplicates
    finally:
        loader.dispose()


def lines_of(text: str, keys: Iterable[str], otherwise: str) -> list[int]:
    """For each dotted key such as `rollout.steps.0` its line, from 1, or that of the section or
    list that lacks it; if its first part is not there, the line of the key `otherwise`, or 1.
    Raises as load_yaml does."""
    loader = _loader(text)
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    default = _line(node, [otherwise]) or 1
    return [_line(node, key.split(".")) or default for key in keys]


def syntax_error(text: str, error: yaml.YAMLError) -> tuple[int | None, str]:
    """Line, from 1, and problem of an error that reading the text raised; no line for one of the
    whole text."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text.encode()[: error.position]
        return before.count(b"\n") + 1, f"the character #x{error.character:04x} is not allowed"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return None, str(error)
    # libyaml places an unexpected end after the last line.
    line = min(error.problem_mark.line + 1, len(text.splitlines()))
    if not error.context:
        return line, str(error.problem)
    begin = error.context_mark.line + 1 if error.context_mark else line
    since = f" from line {begin}" if begin < line else ""
    return line, f"{error.context}{since}, {error.problem}"


def _line(node: Any, path: list[str]) -> int | None:
    line = None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == part), None)
        elif isinstance(node, yaml.SequenceNode) and part.isdecimal():
            items = node.value[int(part) : int(part) + 1]
            found = (items[0], items[0]) if items else None
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def first_document(text: bytes) -> Any:
    """The first document of the text, None without one. Raises yaml.YAMLError and
    UnicodeDecodeError."""
    loader = _loader(text)
    try:
        return loader.get_data() if loader.check_data() else None
    finally:
        loader.dispose()


def _loader(text: str | bytes) -> Any:
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {_MAX_DEPTH} levels deep")
    return _Loader(text)
