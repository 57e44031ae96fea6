"""An event's evidence as lines for a person to read. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

STEP = "  "


def evidence_lines(evidence: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """`name: value`, a line each; what a value holds of its own is indented below its name."""
    for key, value in evidence.items():
        name = f"{indent}{key.replace('_', ' ')}:"
        parts = value if isinstance(value, list) else [value]
        if isinstance(value, dict) and value:
            yield name
            yield from evidence_lines(value, indent + STEP)
        elif any(isinstance(part, dict | list) and part for part in parts):
            yield name
            for number, part in enumerate(parts, 1):
                yield from evidence_lines({str(number): part}, indent + STEP)
        else:
            yield f"{name} {', '.join(map(_shown, parts)) or 'none'}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if value or value == 0 else "none"
