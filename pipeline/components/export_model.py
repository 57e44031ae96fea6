"""The step behind the quality gate, whose output is the model that may be registered."""

from kfp import dsl

from pipeline.component import component


@component()
def export_model(
    trained: dsl.Input[dsl.Model],
    examples: dsl.Input[dsl.Artifact],
    score: float,
    image: str,
    model: dsl.Output[dsl.Model],
) -> None:
    """Output the artifact: the files of the trained model, and its examples.

    The metadata are those of `trained` and what registration needs: `image` and its routes as
    `containerSpec`, the digest of the folder as `sha256`, and the score.
    """
    import shutil
    from pathlib import Path

    from model_server.artifact import artifact_digest
    from model_server.examples import EXAMPLES

    source, target = Path(trained.path), Path(model.path)
    files = {
        path.relative_to(source): path
        for path in source.rglob("*")
        # Steps that import a predictor's module leave its bytecode there.
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name, path in {**files, Path(EXAMPLES): Path(examples.path)}.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        # Content only: a mounted bucket has no modes and times.
        shutil.copyfile(path, target / name)
    model.metadata.update(
        trained.metadata,
        score=score,
        sha256=artifact_digest(target),
        containerSpec={
            "imageUri": image,
            "predictRoute": "/predict",
            "healthRoute": "/health",
            "ports": [{"containerPort": 8080}],
        },
    )
