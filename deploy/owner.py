"""The owner of a deployment: a name that is the same in every clone of one repository."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from deploy.tracked import git
from titleholder.errors import EnvironmentConfigError


def owner_of(repository: Path, name: str = "") -> str:
    """The owner `name` if it is not empty, else one that is derived from the repository.

    That is host and path of the remote `origin`, such as github.com/team/models, or, without such a
    remote, the first commit; followed by the checkout's folder, if that is not the repository's
    root. Raises EnvironmentConfigError for an invalid name, and when none can be derived.
    """
    if name:
        if not re.fullmatch(r"[\w.@:/+-]{1,200}", name):
            raise EnvironmentConfigError(f"OWNER is {name!r}; write a name, as my-team/models")
        return name
    derived = name_of(_origin(repository)) or _first_commit(repository)
    return f"{derived}/{git(repository, 'rev-parse', '--show-prefix').strip()}".rstrip("/")


def name_of(remote: str) -> str:
    """`github.com/team/models` of a remote's URL, for any protocol and account; empty for a local
    folder, which names nothing on another machine."""
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
            f"{repository} is a shallow clone without a URL as its remote origin, so its owner is "
            "not known; write OWNER=my-team/models"
        )
    commits = git(repository, "rev-list", "--max-parents=0", "HEAD").split()
    return f"commit-{commits[-1][:12]}"
