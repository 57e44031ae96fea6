"""How a function here becomes a pipeline step: one image, and packages as the lock pins them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from kfp import dsl
from packaging.requirements import Requirement

# python:3.11.16-slim-bookworm, by the digest of its multi-architecture index. Every package that is
# installed below is a wheel, so nothing of the tenfold larger python:3.11 is used.
BASE_IMAGE = "python@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b"

# What the lock's markers ask of it, lest they ask the machine that compiles.
TARGET = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.16",
    "python_version": "3.11",
    "sys_platform": "linux",
}

_LOCK = Path(__file__).parents[1] / "requirements.txt"


def component(
    *packages: str, helpers: tuple[Callable[..., Any], ...] = ()
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `dsl.component`, for a step that installs `packages` and all that they need
    before it starts, each in the version of requirements.txt.

    A step ships only its own source: whatever module-level function it calls must be among
    `helpers`, and it and they import inside. Raises LookupError for a package that is not in
    requirements.txt.
    """
    return dsl.component(  # type: ignore[no-any-return]
        base_image=BASE_IMAGE,
        # Nothing else is installed, and nothing is built, which would fetch the newest build tools.
        # In a step kfp needs none of its requirements; left out here, KFP would add it by itself.
        packages_to_install=[*closure(packages), pin("kfp"), "--no-deps", "--only-binary=:all:"],
        additional_funcs=list(helpers),
    )


def pin(package: str) -> str:
    """`name==version` as requirements.txt has it for the image's Python."""
    found = _pinned(package)
    return f"{found.name}{found.specifier}"


def closure(packages: Iterable[str]) -> list[str]:
    """`name==version`, with the lock's marker if it has one, of these and of all that they require,
    also indirectly; by name."""
    found: dict[str, Requirement] = {}
    todo = list(packages)
    while todo:
        package = todo.pop()
        if package not in found:
            found[package] = _pinned(package)
            todo += _lock()[1].get(package, ())
    return [str(found[package]) for package in sorted(found)]


def _pinned(package: str) -> Requirement:
    try:
        return _lock()[0][package]
    except KeyError:
        raise LookupError(
            f"{package} is not in requirements.txt: add it to requirements.in and run `make lock`"
        ) from None


@cache
def _lock() -> tuple[dict[str, Requirement], dict[str, list[str]]]:
    """What the lock pins for TARGET, and by name what each of it requires, of which uv notes the
    reverse: `# via`, on a line or a line for each."""
    pins: dict[str, Requirement] = {}
    required: dict[str, list[str]] = defaultdict(list)
    here = None
    for line in _LOCK.read_text().splitlines():
        if line[:1].strip() and line[0] != "#":
            here = Requirement(line.rstrip(" \\"))
            if here.marker is None or here.marker.evaluate(TARGET):
                pins[here.name] = here
            else:
                here = None
        elif here and (by := re.fullmatch(r" +# +(?:via +)?([a-z0-9][a-z0-9-]*)", line)):
            required[by[1]].append(here.name)
    return pins, dict(required)
