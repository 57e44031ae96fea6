"""Compiles every pipeline to pipeline/compiled/: `python -m pipeline.compile [--check]`."""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler
from kfp.dsl.graph_component import GraphComponent

from images.reference import NAME, ImageError, check_lock, is_own_image

HERE = Path(__file__).parent
COMPILED = HERE / "compiled"


def compile_all(target: Path) -> list[Path]:
    """Compile each pipeline/NAME.py that defines a pipeline NAME; returns the YAML files.

    Raises ImageError for an image whose lock is not that of the project, and for a step in another
    build of the image.
    """
    check_lock()
    files = []
    for source in sorted(HERE.glob("*.py")):
        if source.stem in ("__init__", "compile"):
            continue
        pipeline = getattr(importlib.import_module(f"pipeline.{source.stem}"), source.stem, None)
        if isinstance(pipeline, GraphComponent):
            files.append(target / f"{source.stem}.yaml")
            compiler.Compiler().compile(pipeline, str(files[-1]))
            check_images(files[-1].name, yaml.safe_load(files[-1].read_text(encoding="utf-8")))
    return files


def check_images(name: str, spec: dict[str, Any]) -> None:
    """Raise ImageError if a step of the compiled pipeline `name` runs in another build of the
    image than this checkout's."""
    for label, executor in spec["deploymentSpec"]["executors"].items():
        image = executor.get("container", {}).get("image", "")
        if image.rpartition(":")[0].endswith(f"/{NAME}") and not is_own_image(image):
            raise ImageError(
                f"{name}: {label.removeprefix('exec-')} runs in {image}, which is another "
                "build of the image than this checkout's: name image_reference() as its image"
            )


def main() -> int:
    """Write the compiled pipelines; with --check, report whether the committed ones are stale."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.compile", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when stale")
    check = parser.parse_args().check
    try:
        return _check() if check else _write()
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1


def _write() -> int:
    COMPILED.mkdir(exist_ok=True)
    for file in compile_all(COMPILED):
        print(f"wrote {file.relative_to(HERE.parent)}")
    return 0


def _check() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        for file in compile_all(Path(scratch)):
            committed = COMPILED / file.name
            if not committed.exists() or committed.read_bytes() != file.read_bytes():
                print(
                    f"pipeline/compiled/{file.name} differs from its source: run "
                    "`make compile` and commit it.",
                    file=sys.stderr,
                )
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
