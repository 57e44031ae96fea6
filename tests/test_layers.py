"""Imports run down only: each package imports those below it, and none above it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# From the top down; what shares a line may not import each other. A name is a package, or a module
# of the root.
LAYERS = {
    "titleholder": """
        cli operators
        alerts lineage metrics page reconciler
        gcp
        analysis
        pipelines
        rollout
        config events freshness naming
        labels
        data_intervals errors release
    """,
    "sandbox": """
        commands pytest_plugin vertex
        example replay next_steps
        endpoint_report containers google_cloud
        monitoring services
        gateway
        cli_types state terminal
        socket_folder
    """,
    "sandbox.vertex": """
        coverage
        app
        console dispatch rpc
        batch cloud endpoints pipelines schedules
        models
        context faults
        operations prediction
        clock
        http store
    """,
    "sandbox.vertex.pipelines": """
        api execution
        jobs
        protocol
        spec
    """,
}
MOST_FLOORS = 9
MOST_FILES = 18
MOST_ROOT_FILES = 6


def folder_of(package: str) -> Path:
    root = "plugins/" if package.startswith("titleholder") else ""
    return REPOSITORY / f"{root}{package.replace('.', '/')}"


def imports(package: str) -> Iterator[tuple[Path, str, str]]:
    """(file, the room it is in, a room of the package that it imports)."""
    folder = folder_of(package)
    for path in sorted(folder.rglob("*.py")):
        room = path.relative_to(folder).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                if name.startswith(f"{package}."):
                    yield path, room, name.removeprefix(f"{package}.").partition(".")[0]


@pytest.mark.parametrize("package", LAYERS)
def test_imports_run_down_only(package: str) -> None:
    layers = [line.split() for line in LAYERS[package].strip().splitlines()]
    floor = {room: number for number, rooms in enumerate(reversed(layers)) for room in rooms}
    there = {
        path.name.removesuffix(".py")
        for path in folder_of(package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__", "__main__"}
    assert there == floor.keys(), "a room is missing from LAYERS, or has gone"
    upward = [
        f"{path.relative_to(REPOSITORY)} imports {package}.{imported}"
        for path, room, imported in imports(package)
        if room not in ("__init__", "__main__")
        and imported != room
        and floor[imported] >= floor[room]
    ]
    assert not upward
    assert len(layers) <= MOST_FLOORS


def test_the_root_and_every_folder_hold_few_files() -> None:
    root = folder_of("titleholder")
    at_root = [path.name for path in root.glob("*.py") if not path.name.startswith("__")]
    assert len(at_root) <= MOST_ROOT_FILES
    for top in ("plugins/titleholder", "sandbox", "pipeline", "deploy", "images"):
        for folder in [REPOSITORY / top, *(REPOSITORY / top).rglob("*/")]:
            files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(files) <= MOST_FILES, folder
