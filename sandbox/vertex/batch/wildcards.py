"""Wildcards in the names of objects. No I/O.

Source: https://cloud.google.com/storage/docs/wildcards: `*` is any text without a slash, `**` any
text, `?` one character, `[abc]`, `[a-m]` and `[!abc]` one of some, `{one,two}` one of these texts.
"""

import re
from typing import Final

_WILD: Final = re.compile(r"\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}]*\}")


def literal_prefix(pattern: str) -> str:
    """The text before the first wildcard: literal_prefix("in/2026-*/x") is "in/2026-"."""
    return _WILD.split(pattern, maxsplit=1)[0]


def matcher(pattern: str) -> re.Pattern[str]:
    """Matches, as a whole, the names that a pattern describes."""
    pieces, end = [], 0
    for found in _WILD.finditer(pattern):
        pieces += [re.escape(pattern[end : found.start()]), _expression(found[0])]
        end = found.end()
    return re.compile("".join([*pieces, re.escape(pattern[end:])]), re.DOTALL)


def _expression(wild: str) -> str:
    if wild.startswith("["):
        inside = re.sub(r"([\\^\[&~|])", r"\\\1", wild[1:-1].removeprefix("!"))
        return f"[{'^' if wild.startswith('[!') else ''}{inside}]"
    if wild.startswith("{"):
        return f"(?:{'|'.join(map(re.escape, wild[1:-1].split(',')))})"
    return {"**": ".*", "*": "[^/]*", "?": "[^/]"}[wild]
