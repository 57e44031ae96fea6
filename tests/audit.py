"""`python -m tests.audit`: whether the locked packages have known vulnerabilities, by OSV.

`--offline` needs no network: whether the lock is pinned, hashed and consistent with what is
installed. That is part of `make check`; the request to OSV is `make audit`.
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# https://google.github.io/osv.dev/post-v1-querybatch/
OSV = "https://api.osv.dev/v1/querybatch"
UNKNOWN = 2
# Ids of OSV that do not affect this project, each with the reason.
ACCEPTED: dict[str, str] = {}


def main(arguments: list[str] | None = None) -> int:
    """0: nothing found, or OSV not reached and `--or-skip`; 1: something, a line each on stderr; 2:
    OSV not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--offline", action="store_true", help="ask no service")
    parser.add_argument(
        "--or-skip", action="store_true", help="it is no error if OSV is not reached"
    )
    parser.add_argument("--service", default=OSV, help="the URL of the service")
    options = parser.parse_args(arguments)
    lock = (ROOT / "requirements.txt").read_text()
    found = [*unpinned(lock), *unhashed(lock), *inconsistent()] if options.offline else []
    number = len(requirements(lock))
    result = "pinned by version and hash, and installed as they require each other"
    if not options.offline:
        result = "without a known vulnerability"
        try:
            found = list(vulnerable(lock, options.service))
        except Unreachable as error:
            what = "audit skipped" if options.or_skip else "not audited"
            print(
                f"{what}: {error}, so it is not known whether the {number} locked packages have "
                "known vulnerabilities; run `make audit` where it can be reached",
                file=sys.stderr,
            )
            return 0 if options.or_skip else UNKNOWN
        except (OSError, ValueError, KeyError) as error:
            found = [f"not audited: {options.service} answered something else than OSV ({error!r})"]
    if found:
        print("\n".join(found), file=sys.stderr)
        return 1
    print(f"{number} packages, {result}")
    return 0


class Unreachable(Exception):
    """OSV did not answer, or answered that it is busy."""


def requirements(lock: str) -> list[str]:
    """The requirements of the lock, one per package, without hashes."""
    return [
        line.partition(" --hash=")[0].rstrip(" \\")
        for line in lock.splitlines()
        if line[:1].strip() and line[0] != "#"
    ]


def unpinned(lock: str) -> Iterator[str]:
    """Requirements without an exact version, or not from the package index."""
    for line in requirements(lock):
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            yield f"{line}: is no package of an index; pin one"
            continue
        operators = [one.operator for one in wanted.specifier]
        if wanted.url or operators != ["=="] or "*" in str(wanted.specifier):
            yield f"{line}: is not pinned with ==; run `make lock`"


def unhashed(lock: str) -> Iterator[str]:
    """Requirements without a hash, which the index could replace by another file."""
    # Lines that end with a backslash go on in the next one.
    for line in lock.replace("\\\n", "").splitlines():
        if (
            line[:1].strip()
            and line[0] != "#"
            and not re.search(r" --hash=sha256:[0-9a-f]{64}", line)
        ):
            yield f"{line}: has no hash; run `make lock`"


def inconsistent() -> Iterator[str]:
    """Requirements of installed packages that are not met, except the ones left out
    deliberately."""
    overrides = requirements((ROOT / "requirements.overrides").read_text())
    left_out = {canonicalize_name(Requirement(line).name) for line in overrides}
    versions = {canonicalize_name(one.name): one.version for one in distributions()}
    for one in distributions():
        for text in one.requires or ():
            wanted = Requirement(text)
            name = canonicalize_name(wanted.name)
            if name in left_out or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
                continue
            version = versions.get(name)
            if version is None or not wanted.specifier.contains(version, prereleases=True):
                yield f"{one.name} requires {text}, and {version or 'none'} is installed"


def vulnerable(lock: str, service: str) -> Iterator[str]:
    """The packages with known vulnerabilities that are not ACCEPTED, with their ids.

    Raises Unreachable, OSError when the service refuses the request, and ValueError or KeyError for
    an answer of another form.
    """
    pins = [Requirement(line) for line in requirements(lock)]
    versions = [next(iter(pin.specifier)).version for pin in pins]
    queries: list[Any] = [
        {"package": {"name": pin.name, "ecosystem": "PyPI"}, "version": version}
        for pin, version in zip(pins, versions, strict=True)
    ]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(service, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        raise Unreachable(f"{service} answered {error.code}") from None
    except (OSError, HTTPException) as error:
        raise Unreachable(f"{service} did not answer ({error})") from None
    for pin, result in zip(pins, json.loads(content)["results"], strict=True):
        ids = [one["id"] for one in result.get("vulns", ()) if one["id"] not in ACCEPTED]
        if ids:
            yield f"{pin.name}{pin.specifier}: {', '.join(ids)}"


if __name__ == "__main__":
    sys.exit(main())
