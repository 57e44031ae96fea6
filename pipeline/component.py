"""How a function here becomes a pipeline step: one image, and packages as the lock pins them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp import dsl
from packaging.requirements import Requirement

# Every package installed below is a wheel, so nothing of the tenfold larger python:3.11 is used.
BASE_IMAGE = "python:3.11-slim"

_LOCK = Path(__file__).parents[1] / "requirements.txt"
_TARGET = {"python_version": "3.11", "python_full_version": "3.11.0", "sys_platform": "linux"}


def component(
    *packages: str, helpers: tuple[Callable[..., Any], ...] = ()
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `dsl.component`, for a step that installs `packages` before it starts.

    A step ships only its own source: whatever module-level function it calls must be among
    `helpers`, and it and they import inside. Raises LookupError for a package that is not in
    requirements.txt.
    """
    return dsl.component(  # type: ignore[no-any-return]
        base_image=BASE_IMAGE,
        packages_to_install=[pin(package) for package in packages],
        additional_funcs=list(helpers),
    )


def pin(package: str) -> str:
    """`name==version` as requirements.txt has it for the image's Python."""
    for line in _LOCK.read_text().splitlines():
        if line.startswith(f"{package}=="):
            found = Requirement(line)
            if found.marker is None or found.marker.evaluate(_TARGET):
                return f"{found.name}{found.specifier}"
    raise LookupError(
        f"{package} is not in requirements.txt: add it to requirements.in and run `make lock`"
    )
