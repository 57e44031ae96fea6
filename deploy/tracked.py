"""The files of a checkout that may be uploaded: those that git tracks. Reads files, calls git."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from titleholder.errors import EnvironmentConfigError

FOLDERS = ("dags", "plugins", "pipeline/compiled")
# Read by Airflow; other dotfiles belong to editors or hold private data.
IGNORE_FILE = ".airflowignore"


@dataclass(frozen=True)
class Tracked:
    """Files in FOLDERS, by their path in the checkout (with `/`).

    `uncommitted` are the paths that differ from the last commit, including removed files.
    `left_out` are the other files that git does not ignore, each with the reason.
    """

    files: dict[str, bytes]
    uncommitted: tuple[str, ...]
    left_out: tuple[str, ...]


def tracked(repository: Path) -> Tracked:
    """The tracked files of the checkout in `repository`. Raises EnvironmentConfigError when that is
    not a checkout or has no commit."""
    root = repository.resolve()
    files: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    for name in _names(root, "ls-files", "--cached"):
        # A link, of a file or of a folder, may lead out of the checkout.
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


def changed(repository: Path, folder: str) -> list[str]:
    """The paths below the folder that differ from the last commit or that git neither tracks nor
    ignores, sorted. Raises EnvironmentConfigError as `tracked` does."""
    root = repository.resolve()
    edited = _names(
        root, "diff", "--name-only", "--no-renames", "--relative", "HEAD", folders=[folder]
    )
    new = _names(root, "ls-files", "--others", "--exclude-standard", folders=[folder])
    return sorted({*edited, *new})


def git(repository: Path, *arguments: str) -> str:
    """The output of git in that folder. Raises EnvironmentConfigError, with git's message, when it
    fails."""
    command = ["git", "-C", str(repository), *arguments]
    try:
        result = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="surrogateescape", check=True
        )
    except FileNotFoundError:
        raise EnvironmentConfigError(
            "git is not installed; install it: only files that git tracks are uploaded"
        ) from None
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        raise EnvironmentConfigError(
            f"git {arguments[0]} failed in {repository}: {reason}; deploy from a clone that has a "
            "commit: only files that git tracks are uploaded"
        ) from None
    return result.stdout


def _names(root: Path, *arguments: str, folders: Iterable[str] = FOLDERS) -> Iterator[str]:
    output = git(root, *arguments, "-z", "--", *folders)
    yield from sorted({name for name in output.split("\0") if name})
