"""The smallest pipeline that fulfils the contract."""

from kfp import dsl

IMAGE = "sandbox.test/constant:1"


@dsl.component(base_image="python:3.11")
def prepare(interval_end: str, fail: bool, seconds: float) -> str:
    import time

    time.sleep(seconds)
    if fail:
        raise ValueError(f"no rows before {interval_end}; load them")
    return interval_end


@dsl.component(base_image="python:3.11")
def evaluate(ready: str, score: float, metrics: dsl.Output[dsl.Metrics]) -> float:
    metrics.log_metric("score", float("nan") if score < 0 else score)
    return score


@dsl.component(base_image="python:3.11")
def export_model(ready: str, image: str, corrupt: bool, place: str, model: dsl.Output[dsl.Model]):
    import hashlib
    import pathlib

    folder = pathlib.Path(model.path)
    folder.mkdir(parents=True)
    (folder / "constant.json").write_text("{half" if corrupt else str(float(ready[8:10])))
    model.metadata["containerSpec"] = {"imageUri": image}
    model.metadata["framework_version"] = "1.6.1"
    digest = hashlib.sha256((folder / "constant.json").read_bytes()).hexdigest()
    # Of the folder: the line that `sha256sum` prints for its one file.
    line = f"{digest}  constant.json\n"
    model.metadata["sha256"] = hashlib.sha256(line.encode()).hexdigest()
    model.uri = place or model.uri


@dsl.pipeline(name="tiny")
def tiny(
    project: str,
    location: str,
    source_table: str,
    timestamp_column: str,
    interval_start: str,
    interval_end: str,
    min_score: float,
    score: float = 90.0,
    fail: bool = False,
    seconds: float = 0.0,
    corrupt: bool = False,
    image: str = IMAGE,
    place: str = "",
):
    prepared = prepare(interval_end=interval_end, fail=fail, seconds=seconds)
    evaluated = evaluate(ready=prepared.output, score=score)
    with dsl.If(evaluated.outputs["Output"] >= min_score, name="quality-gate"):
        export_model(ready=prepared.output, image=image, corrupt=corrupt, place=place)
