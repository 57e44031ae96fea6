"""The files of a checkout that may be uploaded: those that git tracks. Reads files, calls git."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
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


def changed(repository: Path, patterns: Iterable[str]) -> list[str]:
    """The paths that differ from the last commit or that git neither tracks nor ignores, sorted, of
    those that match one of the patterns, such as `src/**/*.py`. Raises EnvironmentConfigError as
    `tracked` does."""
    root = repository.resolve()
    paths = [f":(glob){pattern}" for pattern in patterns]
    edited = _names(root, "diff", "--name-only", "--no-renames", "--relative", "HEAD", paths=paths)
    new = _names(root, "ls-files", "--others", "--exclude-standard", paths=paths)
    return sorted({*edited, *new})


def differences(names: Sequence[str]) -> str:
    """One clause: these paths are not as in the last commit."""
    verb = "differs" if len(names) == 1 else "differ"
    return f"{', '.join(names)} in this checkout {verb} from the last commit"


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


def _names(root: Path, *arguments: str, paths: Iterable[str] = FOLDERS) -> Iterator[str]:
    output = git(root, *arguments, "-z", "--", *paths)
    yield from sorted({name for name in output.split("\0") if name})
