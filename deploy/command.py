"""What the commands of `make deploy` and `make image` share: arguments, credentials, errors."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from images.reference import ImageError
from titleholder.errors import EnvironmentConfigError, TitleholderError
from titleholder.gcp.loopback import emulator

INTERRUPTED = 130
_NAMES = {
    "project": (r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project's id, as my-project"),
    "location": (r"[a-z]+-[a-z]+\d+", "a region, as us-central1"),
    "environment": (r"[a-z]([a-z0-9-]{0,62}[a-z0-9])?", "an environment's name, as production"),
}
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def add_names(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options `--project`, `--location` or `--environment`."""
    for name in names:
        parser.add_argument(f"--{name}", default="", help=_NAMES[name][1])


def check_names(options: argparse.Namespace, usage: str) -> None:
    """Raise EnvironmentConfigError for an invalid name among the options, and for a missing one
    unless this is a dry run; `usage` is the right command."""
    for name, (pattern, description) in _NAMES.items():
        value = getattr(options, name, None)
        if value is None:
            continue
        if not value and not options.dry_run:
            raise EnvironmentConfigError(f"{name.upper()} is missing; write {usage}")
        if value and not re.fullmatch(pattern, value):
            raise EnvironmentConfigError(f"{name.upper()} is {value!r}; write {description}")


def find_credentials(variables: Iterable[str]) -> Any:
    """The caller's credentials, or anonymous ones if all services are emulated, each at the address
    in its variable.

    Raises EnvironmentConfigError when only some of them are, and without credentials.
    """
    emulated = {variable: emulator(variable) is not None for variable in variables}
    if all(emulated.values()):
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    if any(emulated.values()):
        given = ", ".join(variable for variable, found in emulated.items() if found)
        missing = ", ".join(variable for variable, found in emulated.items() if not found)
        raise EnvironmentConfigError(
            f"only {given} is set, without {missing}; unset it (it may come from var/sandbox.env) "
            "to use Google Cloud"
        )
    import google.auth

    try:
        return google.auth.default(scopes=[_SCOPE])[0]
    except GoogleAuthError as error:
        raise EnvironmentConfigError(_credentials_message(error)) from None


def run(command: str, body: Callable[[], int], stopped: str) -> int:
    """The exit code of `body`; 1 for an error, as one sentence on stderr after the command's name;
    130, with the sentence `stopped`, if it is interrupted."""
    try:
        return body()
    except (TitleholderError, ImageError, OSError, RequestException) as error:
        print(f"{command}: {error}", file=sys.stderr)
    except GoogleAuthError as error:
        print(f"{command}: {_credentials_message(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{command}: {stopped}", file=sys.stderr)
        return INTERRUPTED
    return 1


def _credentials_message(error: GoogleAuthError) -> str:
    return (
        f"no working credentials: {' '.join(str(error).split()).removesuffix('.')}; run `gcloud "
        "auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the file of a "
        "service account's credentials"
    )
