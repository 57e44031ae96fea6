"""Makes pipeline steps of functions: they run in the image that also serves the models."""

from collections.abc import Callable, Iterable
from inspect import isfunction
from types import ModuleType
from typing import Any

from kfp import dsl

from images.reference import image_reference


def component(
    bundle: Iterable[ModuleType | Callable[..., Any]] = (),
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `dsl.component`, for a step that runs in this checkout's image and installs
    nothing: the image has all packages, kfp among them.

    A step consists of its function's source only. `bundle` are functions, or modules with
    functions, whose source is added. All of them import inside, and of this repository only what
    the image has: `model_server`. A task runs in another image by `task.set_container_image`.
    """
    return dsl.component(  # type: ignore[no-any-return]
        base_image=image_reference(),
        install_kfp_package=False,
        additional_funcs=[function for part in bundle for function in _functions(part)],
    )


def _functions(part: ModuleType | Callable[..., Any]) -> list[Callable[..., Any]]:
    if not isinstance(part, ModuleType):
        return [part]
    members = [member for member in vars(part).values() if isfunction(member)]
    return [member for member in members if member.__module__ == part.__name__]
