"""Rules of version aliases. No I/O.

Source: the docs of Model.version_aliases and MergeVersionAliasesRequest in
google/cloud/aiplatform/v1.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sandbox.vertex.http.errors import InvalidArgument

DEFAULT: Final = "default"
_ALIAS: Final = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")

Aliases = Mapping[str, Iterable[str]]
"""Aliases by version id."""


def merge_aliases(versions: Aliases, version: str, changes: Iterable[str]) -> dict[str, list[str]]:
    """All aliases of a model after `changes` to one version: `x` adds an alias, `-x` removes it.

    An added alias is removed from all other versions. `x` and `-x` together have no effect. Raises
    InvalidArgument for a malformed alias, for one to remove that the version does not have (where
    Google's behaviour is not documented), and if no version would be the default.
    """
    changes = list(changes)
    added = [alias for alias in changes if not alias.startswith("-")]
    removed = [alias[1:] for alias in changes if alias.startswith("-")]
    for alias in (*added, *removed):
        if not _ALIAS.fullmatch(alias):
            raise InvalidArgument(
                f"Invalid version alias {alias!r}: 2 to 128 of [a-zA-Z0-9-], the first a lowercase "
                "letter, the last a lowercase letter or digit."
            )
    gained, lost = set(added) - set(removed), set(removed) - set(added)
    missing = lost - set(versions[version])
    if missing:
        raise InvalidArgument(
            f"Version {version} does not have the aliases {', '.join(sorted(missing))}; "
            "remove only aliases that it has."
        )
    if DEFAULT in lost:
        raise InvalidArgument(
            f"Version {version} is the default and a model must have one; "
            f"add {DEFAULT!r} to another version instead."
        )
    merged = {
        key: [alias for alias in aliases if alias not in gained]
        for key, aliases in versions.items()
    }
    remaining = [alias for alias in versions[version] if alias not in lost]
    new = [alias for alias in added if alias in gained]
    merged[version] = list(dict.fromkeys([*remaining, *new]))
    return merged
