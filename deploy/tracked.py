"""The files of a checkout that may be uploaded: those that git tracks. Reads files, asks git."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from titleholder.errors import EnvironmentConfigError

FOLDERS = ("dags", "plugins", "pipeline/compiled")
# Airflow reads it; any other dotfile is an editor's, or holds what is not for others.
IGNORE_FILE = ".airflowignore"


@dataclass(frozen=True)
class Tracked:
    """Files below FOLDERS, by their names in the checkout (with `/`). `uncommitted` names those
    that differ from the last commit, also what was removed; `left_out` says of each file that is
    there and not among `files`, and that git does not ignore, why."""

    files: dict[str, bytes]
    uncommitted: tuple[str, ...]
    left_out: tuple[str, ...]


def tracked(repository: Path) -> Tracked:
    """What the checkout in the folder `repository` holds. Raises EnvironmentConfigError when it is
    none, or has no commit."""
    root = repository.resolve()
    files: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    for name in _names(root, "ls-files", "--cached"):
        # Through a link, of a file or of a folder, may lie anything.
        if (root / name).resolve() != root / name:
            left_out[name] = "a symbolic link"
        elif any(part[0] == "." and part != IGNORE_FILE for part in name.split("/")):
            left_out[name] = "a dotfile"
        elif (root / name).is_file():
            files[name] = (root / name).read_bytes()
    for name in _names(root, "ls-files", "--others", "--exclude-standard"):
        left_out[name] = "not tracked by git"
    changed = _names(root, "diff", "--name-only", "--no-renames", "--relative", "HEAD")
    return Tracked(
        dict(sorted(files.items())),
        tuple(name for name in changed if name not in left_out),
        tuple(f"{name} ({why})" for name, why in sorted(left_out.items())),
    )


def git(repository: Path, *arguments: str) -> str:
    """What git prints in that folder. Raises EnvironmentConfigError, with git's own words, when it
    fails."""
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="surrogateescape", check=True
        )
    except FileNotFoundError:
        raise EnvironmentConfigError(
            "git is not installed; install it: only what git tracks is uploaded"
        ) from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        raise EnvironmentConfigError(
            f"git {arguments[0]} failed in {repository}: {reason}; deploy from a clone that has a "
            "commit: only what git tracks is uploaded"
        ) from None
    return done.stdout


def _names(root: Path, *arguments: str) -> Iterator[str]:
    printed = git(root, *arguments, "-z", "--", *FOLDERS)
    yield from sorted({name for name in printed.split("\0") if name})
