"""`python -m tests.audit`: whether the locked packages have known vulnerabilities, by OSV.

`--offline` asks nobody: whether the lock can be trusted to say what is installed. That is part of
`make check`; the question to OSV, which needs the network, is `make audit`.
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# https://google.github.io/osv.dev/post-v1-querybatch/
OSV = "https://api.osv.dev/v1/querybatch"
UNKNOWN = 2


def main(arguments: list[str] | None = None) -> int:
    """0: nothing found; 1: something, a line each on stderr; 2: OSV could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--offline", action="store_true", help="ask nobody")
    parser.add_argument("--service", default=OSV, help="who is asked")
    options = parser.parse_args(arguments)
    lock = (ROOT / "requirements.txt").read_text()
    found = [*unpinned(lock), *inconsistent()] if options.offline else []
    number = len(requirements(lock))
    told = "pinned to one version of the package index, and installed as they require each other"
    if not options.offline:
        told = "without a known vulnerability"
        try:
            found = list(vulnerable(lock, options.service))
        except (OSError, ValueError, KeyError) as error:
            print(f"not audited: {options.service} did not answer ({error})", file=sys.stderr)
            return UNKNOWN
    if found:
        print("\n".join(found), file=sys.stderr)
        return 1
    print(f"{number} packages, {told}")
    return 0


def requirements(lock: str) -> list[str]:
    """The lock's lines that name a package."""
    return [line for line in lock.splitlines() if line[:1].strip() and line[0] != "#"]


def unpinned(lock: str) -> Iterator[str]:
    """What could be another thing tomorrow, or comes from elsewhere than the package index."""
    for line in requirements(lock):
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            yield f"{line}: is no package of an index; pin one"
            continue
        operators = [one.operator for one in wanted.specifier]
        if wanted.url or operators != ["=="] or "*" in str(wanted.specifier):
            yield f"{line}: is not pinned with ==; run `make lock`"


def inconsistent() -> Iterator[str]:
    """What an installed package requires and is not there, but for what we leave out knowingly."""
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
    """The packages that OSV knows a vulnerability of, with its ids. Raises OSError when it does not
    answer, ValueError or KeyError when it answers something else."""
    pins = [Requirement(line) for line in requirements(lock)]
    versions = [next(iter(pin.specifier)).version for pin in pins]
    queries: list[Any] = [
        {"package": {"name": pin.name, "ecosystem": "PyPI"}, "version": version}
        for pin, version in zip(pins, versions, strict=True)
    ]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(service, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        results = json.load(answer)["results"]
    for pin, result in zip(pins, results, strict=True):
        if ids := [one["id"] for one in result.get("vulns", ())]:
            yield f"{pin.name}{pin.specifier}: {', '.join(ids)}"


if __name__ == "__main__":
    sys.exit(main())
