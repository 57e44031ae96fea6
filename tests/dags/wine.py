"""The model of docs/tutorials/adding-a-model.md."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from kfp import compiler

from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "tutorials" / "adding-a-model.md"


def blocks() -> Iterator[tuple[str, str]]:
    """The files and commands of the page, in order: the path of a file, or "" for commands, and the
    text."""
    for kind, text in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        if kind == "sh":
            yield "", text
        elif kind in ("python", "yaml"):
            (path,) = re.findall(r"^# ((?:var|pipeline|dags)/\S+)$", text, re.MULTILINE)
            yield path, text


def file(path: str) -> str:
    """The text of the page's file of that path."""
    return dict(blocks())[path]


def compile_pipeline(folder: Path) -> None:
    """Compile the page's pipeline to `folder`/wine.yaml."""
    source = folder / "wine_pipeline.py"
    source.write_text(file("pipeline/wine.py"))
    spec = importlib.util.spec_from_file_location("wine_pipeline", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["wine_pipeline"] = module
    spec.loader.exec_module(module)
    compiler.Compiler().compile(module.wine, str(folder / "wine.yaml"))
