"""Whose a deployment is: a name that is the same in every clone of one repository."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from deploy.tracked import git
from titleholder.errors import EnvironmentConfigError


def owner_of(repository: Path, given: str = "") -> str:
    """`given`, or else host and path of the remote `origin`, as github.com/team/models, or of a
    repository without such a remote its first commit; with the checkout's folder, if that is not
    the repository's own.

    Raises EnvironmentConfigError for a name that is none, and where there is nothing to name it by.
    """
    if given:
        if not re.fullmatch(r"[\w.@:/+-]{1,200}", given):
            raise EnvironmentConfigError(f"OWNER is {given!r}; write a name, as my-team/models")
        return given
    name = name_of(_origin(repository)) or _first_commit(repository)
    return f"{name}/{git(repository, 'rev-parse', '--show-prefix').strip()}".rstrip("/")


def name_of(remote: str) -> str:
    """`github.com/team/models` of a remote's URL, however it is reached and by whatever account;
    empty for a folder, whose name says nothing on another machine."""
    if "://" in remote:
        url = urlsplit(remote)
        host, path = url.hostname or "", url.path
    elif match := re.fullmatch(r"(?:[^@/]+@)?([^/:]+):(.+)", remote):
        host, path = match[1], match[2]
    else:
        return ""
    path = path.strip("/").removesuffix(".git")
    return f"{host}/{path}".lower() if host and path else ""


def _origin(repository: Path) -> str:
    remotes = git(repository, "remote").split()
    return git(repository, "remote", "get-url", "origin").strip() if "origin" in remotes else ""


def _first_commit(repository: Path) -> str:
    if git(repository, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise EnvironmentConfigError(
            f"{repository} is a shallow clone without a URL as its remote origin, so nothing names "
            "its owner; write OWNER=my-team/models"
        )
    commits = git(repository, "rev-list", "--max-parents=0", "HEAD").split()
    return f"commit-{commits[-1][:12]}"
