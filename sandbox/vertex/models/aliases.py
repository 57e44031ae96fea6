"""Which version of a model bears which alias: Google's rules, without I/O.

The rules are those in the docs of Model.version_aliases and MergeVersionAliasesRequest in
google/cloud/aiplatform/v1.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sandbox.vertex.http.errors import InvalidArgument

DEFAULT: Final = "default"
_ALIAS: Final = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")

Aliases = Mapping[str, Iterable[str]]
"""Version id to its aliases."""


def merge_aliases(versions: Aliases, version: str, changes: Iterable[str]) -> dict[str, list[str]]:
    """All aliases of a model after `changes` to one version: `x` gives, `-x` takes away.

    An alias given to one version leaves every other. `x` and `-x` together cancel out. Raises
    InvalidArgument for a malformed alias, one taken away that the version does not have (the
    sandbox is strict there), or when no version would be the default.
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
    given, taken = set(added) - set(removed), set(removed) - set(added)
    missing = taken - set(versions[version])
    if missing:
        raise InvalidArgument(
            f"Version {version} does not have the aliases {', '.join(sorted(missing))}; "
            "take away only what it has."
        )
    if DEFAULT in taken:
        raise InvalidArgument(
            f"Version {version} is the default and a model must have one; "
            f"give {DEFAULT!r} to another version instead."
        )
    merged = {
        one: [alias for alias in aliases if alias not in given] for one, aliases in versions.items()
    }
    kept = [alias for alias in versions[version] if alias not in taken]
    merged[version] = list(dict.fromkeys([*kept, *(alias for alias in added if alias in given)]))
    return merged
