import subprocess
from pathlib import Path

from kfp import dsl

from pipeline.components.export_model import export_model


def test_the_artifact_has_the_model_and_its_examples(tmp_path: Path) -> None:
    trained = dsl.Model(uri=str(tmp_path / "trained"), metadata={"framework": "scikit-learn"})
    (tmp_path / "trained/code").mkdir(parents=True)
    (tmp_path / "trained/model.joblib").write_bytes(b"model")
    (tmp_path / "trained/code/predictor.py").write_text("# a predictor")
    (tmp_path / "trained/code/__pycache__").mkdir()
    (tmp_path / "trained/code/__pycache__/predictor.cpython-311.pyc").write_bytes(b"")
    examples = dsl.Artifact(uri=str(tmp_path / "examples"))
    Path(examples.path).write_text('{"instances": [[1]], "predictions": [2]}')
    model = dsl.Model(uri=str(tmp_path / "exported"))
    export_model.python_func(
        trained=trained, examples=examples, score=91.5, image="r/model:1", model=model
    )
    exported = tmp_path / "exported"
    files = {p.relative_to(exported).as_posix(): p.read_text() for p in exported.rglob("*.*")}
    assert files == {
        "model.joblib": "model",
        "code/predictor.py": "# a predictor",
        "examples.json": '{"instances": [[1]], "predictions": [2]}',
    }
    # As the contract says it, by the shell.
    digest = subprocess.run(
        ["sh", "-c", "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"],
        cwd=exported,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    assert model.metadata == {
        "framework": "scikit-learn",
        "sha256": digest,
        "score": 91.5,
        "containerSpec": {
            "imageUri": "r/model:1",
            "predictRoute": "/predict",
            "healthRoute": "/health",
            "ports": [{"containerPort": 8080}],
        },
    }
