"""Makes pipeline steps of functions: one image, and packages as the lock pins them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any

from kfp import dsl
from packaging.requirements import Requirement

# python:3.11.16-slim-bookworm, by the digest of its multi-architecture index. Every package that is
# installed below is a wheel, so the tenfold larger python:3.11 is not needed.
BASE_IMAGE = "python@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b"

# The image's values for the lock's markers, instead of those of the machine that compiles.
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
    *packages: str, bundle: Iterable[ModuleType | Callable[..., Any]] = ()
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `dsl.component`, for a step that installs `packages` and all their
    requirements before it starts, each in the version of requirements.txt.

    A step consists of its function's source only. `bundle` are functions, or modules with
    functions, whose source is added; the step can call no others of this repository, and all of
    them import inside. Raises LookupError for a package that is not in requirements.txt.
    """
    return dsl.component(  # type: ignore[no-any-return]
        base_image=BASE_IMAGE,
        # No other package is installed, and none is built, which would fetch the newest build
        # tools. In a step kfp needs none of its requirements; KFP adds it if it is left out.
        packages_to_install=[*closure(packages), pin("kfp"), "--no-deps", "--only-binary=:all:"],
        additional_funcs=[function for part in bundle for function in _functions(part)],
    )


def pin(package: str) -> str:
    """`name==version` as requirements.txt has it for the image's Python."""
    requirement = _pinned(package)
    return f"{requirement.name}{requirement.specifier}"


def closure(packages: Iterable[str]) -> list[str]:
    """`name==version`, with the lock's marker if any, of these packages and of all their direct and
    indirect requirements, sorted by name."""
    found: dict[str, Requirement] = {}
    todo = list(packages)
    while todo:
        package = todo.pop()
        if package not in found:
            found[package] = _pinned(package)
            todo += _lock()[1].get(package, ())
    return [str(found[package]) for package in sorted(found)]


def _functions(part: ModuleType | Callable[..., Any]) -> list[Callable[..., Any]]:
    if not isinstance(part, ModuleType):
        return [part]
    members = [member for member in vars(part).values() if isfunction(member)]
    return [member for member in members if member.__module__ == part.__name__]


def _pinned(package: str) -> Requirement:
    try:
        return _lock()[0][package]
    except KeyError:
        raise LookupError(
            f"{package} is not in requirements.txt: add it to requirements.in and run `make lock`"
        ) from None


@cache
def _lock() -> tuple[dict[str, Requirement], dict[str, list[str]]]:
    """Pins of the lock for TARGET, and by name the packages that each requires.

    uv writes the reverse: `# via`, followed by those that require it, on one line or one a line.
    """
    pins: dict[str, Requirement] = {}
    required: dict[str, list[str]] = defaultdict(list)
    current = None
    for line in _LOCK.read_text().splitlines():
        if line[:1].strip() and line[0] != "#":
            current = Requirement(line.rstrip(" \\"))
            if current.marker is None or current.marker.evaluate(TARGET):
                pins[current.name] = current
            else:
                current = None
        elif current and (via := re.fullmatch(r" +# +(?:via +)?([a-z0-9][a-z0-9-]*)", line)):
            required[via[1]].append(current.name)
    return pins, dict(required)
