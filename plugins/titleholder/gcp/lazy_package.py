"""Packages that import a name when it is used, instead of all their modules at once."""

import ast
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

_lock = RLock()


def lazy_package(name: str) -> Any:
    """The package, as `import` returns it, but without running its `__init__`.

    A name of it is imported from the module that the `__init__` imports it from; for any other name
    the `__init__` runs after all. A package that was imported before is returned as it is.
    """
    with _lock:
        if name not in sys.modules:
            parent, _, own = name.rpartition(".")
            import_module(parent)
            spec = find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            package = module_from_spec(spec)
            package.__class__ = _LazyPackage
            sys.modules[name] = package
            setattr(sys.modules[parent], own, package)
        return sys.modules[name]


class _LazyPackage(ModuleType):
    def __getattr__(self, name: str) -> Any:
        with _lock:
            if not name.startswith("__"):
                if find_spec(f"{self.__name__}.{name}") is not None:
                    return import_module(f"{self.__name__}.{name}")
                if (module := _imported_names(str(self.__file__)).get(name)) is not None:
                    found = getattr(import_module(f"{self.__name__}.{module}"), name)
                    setattr(self, name, found)
                    return found
            # As an ordinary package from now on.
            self.__class__ = ModuleType  # type: ignore[assignment]
            assert self.__spec__ is not None
            assert self.__spec__.loader is not None
            self.__spec__.loader.exec_module(self)
            return getattr(self, name)


@cache
def _imported_names(file: str) -> dict[str, str]:
    """Name to module, for the names that an `__init__` imports from its own modules."""
    return {
        alias.name: node.module
        for node in ast.parse(Path(file).read_bytes()).body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        for alias in node.names
        if alias.asname is None
    }
