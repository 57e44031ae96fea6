"""What a component's log says about why it failed."""

from pathlib import Path

_TRACEBACK = "Traceback (most recent call last):"
_TAIL = 64 * 1024
_LONGEST = 500


def cause(log: Path) -> str:
    """The last exception's line ("ValueError: ..."), or else the last line; "" for no lines."""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    found = ""
    inside = False
    for line in lines:
        if line == _TRACEBACK:
            inside = True
        elif inside and line.strip() and not line.startswith(" "):
            found, inside = line, False
    if not found:
        found = next((line for line in reversed(lines) if line.strip()), "")
    return found.strip()[:_LONGEST]
