"""Compiles every pipeline to pipeline/compiled/: `python -m pipeline.compile [--check]`."""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from kfp import compiler
from kfp.dsl.graph_component import GraphComponent

HERE = Path(__file__).parent
COMPILED = HERE / "compiled"


def compile_all(target: Path) -> list[Path]:
    """Compile each pipeline/NAME.py that defines a pipeline NAME; returns the YAML files."""
    files = []
    for source in sorted(HERE.glob("*.py")):
        if source.stem in ("__init__", "compile"):
            continue
        pipeline = getattr(importlib.import_module(f"pipeline.{source.stem}"), source.stem, None)
        if isinstance(pipeline, GraphComponent):
            files.append(target / f"{source.stem}.yaml")
            compiler.Compiler().compile(pipeline, str(files[-1]))
    return files


def main() -> int:
    """Write the compiled pipelines; with --check, report whether the committed ones are stale."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.compile", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when stale")
    if not parser.parse_args().check:
        COMPILED.mkdir(exist_ok=True)
        for file in compile_all(COMPILED):
            print(f"wrote {file.relative_to(HERE.parent)}")
        return 0
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
