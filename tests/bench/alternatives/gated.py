"""A pipeline that ends once a file exists."""

# mypy: disable-error-code="no-untyped-def"
from kfp import dsl

from tests.dags.tiny_pipeline import IMAGE, evaluate, export_model


@dsl.component(base_image="python:3.11")
def wait(gate: str) -> str:
    import pathlib
    import time

    while not pathlib.Path(gate).exists():
        time.sleep(0.1)
    return "2026-01-05"


@dsl.pipeline(name="gated")
def gated(
    project: str,
    location: str,
    source_table: str,
    timestamp_column: str,
    interval_start: str,
    interval_end: str,
    min_score: float,
    gate: str,
):
    waited = wait(gate=gate)
    evaluated = evaluate(ready=waited.output, score=90.0)
    with dsl.If(evaluated.outputs["Output"] >= min_score, name="quality-gate"):
        export_model(ready=waited.output, image=IMAGE, corrupt=False, place="")
