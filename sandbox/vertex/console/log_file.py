"""The end of a log file."""

from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 512 * 1024


def end_of_log(path: Path) -> str:
    """The text of a log; of a long log the last half MiB, from a whole line on. "" without it."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - _MAX_BYTES)
            file.seek(start)
            content = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return ""
    if start:
        content = content.partition(b"\n")[2] or content
    return content.decode("utf-8", "replace")
