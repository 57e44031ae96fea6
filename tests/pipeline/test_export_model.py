from kfp import dsl

from pipeline.components.export_model import export_model


def test_the_model_keeps_its_uri_and_metadata() -> None:
    trained = dsl.Model(uri="gs://b/trained", metadata={"framework": "scikit-learn", "sha256": "0"})
    model = dsl.Model(uri="gs://b/exported")
    export_model.python_func(trained=trained, score=91.5, serving_image="image", model=model)
    assert model.uri == "gs://b/trained"
    assert model.metadata == {
        "framework": "scikit-learn",
        "sha256": "0",
        "score": 91.5,
        "containerSpec": {"imageUri": "image"},
    }
