"""The Model Registry, with Google's client."""

from typing import Any

import pytest
from google.api_core import exceptions

from tests.sandbox.vertex_calls import status_of

URI = "gs://artifacts/any"


def aliases(vertex: Any, model: str) -> dict[str, list[str]]:
    return {
        one.version_id: sorted(one.version_aliases)
        for one in vertex.models.list_model_versions(name=model)
    }


def test_the_first_version_is_the_default(vertex: Any) -> None:
    answer = vertex.upload(
        URI,
        model_id="linnerud",
        model={"labels": {"run": "r1"}, "version_aliases": ["golden"], "description": "d"},
    )
    assert answer.model == f"{vertex.parent}/models/linnerud"
    assert answer.model_version_id == "1"
    model = vertex.models.get_model(name=answer.model)
    assert model.name == answer.model
    assert model.version_id == "1"
    assert sorted(model.version_aliases) == ["default", "golden"]
    assert model.labels == {"run": "r1"}
    assert model.artifact_uri == URI
    assert model.create_time == model.version_create_time == vertex.clock.now
    for same in ("@1", "@default", "@golden"):
        assert vertex.models.get_model(name=answer.model + same) == model


def test_a_parent_model_gets_a_new_version(vertex: Any) -> None:
    model = vertex.upload(URI, model={"labels": {"run": "r1"}}).model
    second = vertex.upload(
        URI, parent_model=model, model={"labels": {"run": "r2"}, "version_aliases": ["next"]}
    )
    assert (second.model, second.model_version_id) == (model, "2")
    assert aliases(vertex, model) == {"1": ["default"], "2": ["next"]}
    assert vertex.models.get_model(name=f"{model}@next").labels == {"run": "r2"}
    assert vertex.models.get_model(name=model).version_id == "1"
    vertex.upload(URI, parent_model=f"{model}@1", model={"version_aliases": ["default", "next"]})
    assert aliases(vertex, model) == {"1": [], "2": [], "3": ["default", "next"]}


@pytest.mark.parametrize(
    ("request_fields", "message"),
    [
        ({"model_id": "1a"}, "Invalid id"),
        ({"model_id": "Linnerud"}, "Invalid id"),
        ({"model": {"display_name": ""}}, "display_name"),
        ({"model": {"container_spec": None}}, "container_spec"),
        (
            {"model": {"container_spec": {"image_uri": "i", "invoke_route_prefix": "/api/*"}}},
            "the only supported value is /\\*",
        ),
        (
            {
                "model": {
                    "container_spec": {
                        "image_uri": "i",
                        "invoke_route_prefix": "/*",
                        "predict_route": "/predict",
                    }
                }
            },
            "has predict_route and invoke_route_prefix",
        ),
        ({"model": {"artifact_uri": "/home/me/model"}}, "gs://"),
        ({"model": {"artifact_uri": "https://example.com/model"}}, "gs://"),
        ({"model": {"labels": {"a": "B"}}}, "labels"),
        ({"model": {"version_aliases": ["1"]}}, "alias"),
        ({"model": {"version_aliases": ["-golden"]}}, "'-'"),
        ({"parent_model": "linnerud"}, "Invalid model"),
    ],
)
def test_invalid_uploads_are_refused(vertex: Any, request_fields: Any, message: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=message) as refused:
        vertex.upload(URI, **request_fields)
    assert status_of(refused.value) == "INVALID_ARGUMENT"
    assert not list(vertex.models.list_models(parent=vertex.parent))


def test_uploads_of_existing_and_missing_models(vertex: Any) -> None:
    model = vertex.upload(URI, model_id="linnerud").model
    with pytest.raises(exceptions.Conflict, match="parent_model") as refused:
        vertex.upload(URI, model_id="linnerud")
    assert status_of(refused.value) == "ALREADY_EXISTS"
    with pytest.raises(exceptions.NotFound):
        vertex.upload(URI, parent_model=model + "-2")
    with pytest.raises(exceptions.BadRequest, match="is not in"):
        vertex.upload(URI, parent_model=model.replace("/test-", "/other-"))
    with pytest.raises(exceptions.BadRequest, match="not both"):
        vertex.upload(URI, parent_model=model, model_id="x")


def test_two_concurrent_uploads_add_two_versions(vertex: Any) -> None:
    model = vertex.upload(URI).model
    body = {"display_name": "x", "artifact_uri": URI, "container_spec": {"image_uri": "i"}}
    running = [
        vertex.models.upload_model(
            request={"parent": vertex.parent, "parent_model": model, "model": body}
        )
        for _ in range(2)
    ]
    assert [vertex.finish(one).model_version_id for one in running] == ["2", "3"]


def test_list_shows_the_default_version_of_each_model(vertex: Any) -> None:
    first = vertex.upload(URI, model_id="a").model
    vertex.upload(URI, parent_model=first, model={"version_aliases": ["default"]})
    vertex.upload(URI, model_id="b", model={"display_name": "other", "labels": {"x": "1"}})

    def found(**request: Any) -> list[tuple[str, str]]:
        models = vertex.models.list_models(request={"parent": vertex.parent, **request})
        return [(model.name.rpartition("/")[2], model.version_id) for model in models]

    assert found() == [("b", "1"), ("a", "2")]
    assert found(order_by="create_time") == [("a", "2"), ("b", "1")]
    assert found(filter='display_name="other"') == [("b", "1")]
    assert found(filter="model=a") == [("a", "2")]
    assert found(filter="labels.x=1") == [("b", "1")]


def test_list_versions(vertex: Any) -> None:
    model = vertex.upload(URI).model
    vertex.upload(URI, parent_model=model, model={"labels": {"x": "1"}})

    def found(**request: Any) -> list[str]:
        versions = vertex.models.list_model_versions(request={"name": model, **request})
        return [one.version_id for one in versions]

    assert found() == ["1", "2"]
    assert found(order_by="create_time desc") == ["2", "1"]
    assert found(filter="labels.x=1") == ["2"]
    assert found(page_size=1) == ["1", "2"]
    with pytest.raises(exceptions.NotFound):
        vertex.models.list_model_versions(name=model + "-2")


def test_merge_aliases(vertex: Any) -> None:
    model = vertex.upload(URI).model
    vertex.upload(URI, parent_model=model)

    def merge(version: str, *wanted: str) -> Any:
        return vertex.models.merge_version_aliases(
            name=f"{model}@{version}", version_aliases=wanted
        )

    etag = vertex.models.get_model(name=f"{model}@1").etag
    assert list(merge("2", "challenger").version_aliases) == ["challenger"]
    merge("1", "champion")
    assert vertex.models.get_model(name=f"{model}@1").etag != etag
    assert aliases(vertex, model) == {"1": ["champion", "default"], "2": ["challenger"]}
    merge("2", "champion", "default", "-challenger")
    assert aliases(vertex, model) == {"1": [], "2": ["champion", "default"]}

    for version, wanted in (("2", "-default"), ("1", "-golden"), ("1", "Golden"), ("1", "2")):
        with pytest.raises(exceptions.BadRequest):
            merge(version, wanted)
    with pytest.raises(exceptions.BadRequest, match="the version must be in it"):
        vertex.models.merge_version_aliases(name=model, version_aliases=["other"])
    for version in ("3", "challenger"):
        with pytest.raises(exceptions.NotFound):
            merge(version, "other")
    merge("champion", "other")  # by an alias, as the SDK's system test of versions
    assert aliases(vertex, model) == {"1": [], "2": ["champion", "default", "other"]}
    merge("other", "-other")
    assert aliases(vertex, model) == {"1": [], "2": ["champion", "default"]}


def test_update_of_a_model_and_of_a_version(vertex: Any) -> None:
    model = vertex.upload(URI, model={"labels": {"run": "r1"}}).model
    vertex.upload(URI, parent_model=model, model={"labels": {"run": "r2"}})

    def update(suffix: str, paths: list[str], **fields: Any) -> Any:
        return vertex.models.update_model(
            model={"name": model + suffix, **fields}, update_mask={"paths": paths}
        )

    update("", ["display_name", "labels"], display_name="new", labels={"team": "ml"})
    first, second = (vertex.models.get_model(name=f"{model}@{n}") for n in (1, 2))
    assert first.display_name == second.display_name == "new"
    assert first.labels == {"run": "r1", "team": "ml"}
    assert second.labels == {"run": "r2", "team": "ml"}

    update("@2", ["labels", "version_description"], labels={"run": "x"}, version_description="v")
    assert vertex.models.get_model(name=f"{model}@2").labels == {"run": "x", "team": "ml"}
    assert vertex.models.get_model(name=model).labels == {"run": "r1", "team": "ml"}
    assert update("@-", ["description"], description="d").description == "d"


def test_invalid_updates(vertex: Any) -> None:
    model = vertex.upload(URI).model
    for suffix, paths, fields, message in (
        ("", [], {}, "updateMask is required"),
        ("", ["artifact_uri"], {}, "artifact_uri"),
        ("", ["version_description"], {}, "version_description"),
        ("@1", ["display_name"], {"display_name": "x"}, "display_name"),
        ("", ["display_name"], {}, "display_name"),
        ("", ["labels"], {"labels": {"a": "B"}}, "labels"),
    ):
        with pytest.raises(exceptions.BadRequest, match=message):
            vertex.models.update_model(
                model={"name": model + suffix, **fields}, update_mask={"paths": paths}
            )
    with pytest.raises(exceptions.Conflict, match="etag") as refused:
        vertex.models.update_model(
            model={"name": model, "etag": "outdated"}, update_mask={"paths": ["description"]}
        )
    assert status_of(refused.value) == "ABORTED"


def test_only_an_unused_version_can_be_deleted(vertex: Any, pair: Any) -> None:
    endpoint, model = pair

    def delete(version: str) -> Any:
        return vertex.models.delete_model_version(name=f"{model}@{version}")

    with pytest.raises(exceptions.BadRequest, match="default"):
        delete("1")
    with pytest.raises(exceptions.BadRequest, match="is deployed") as refused:
        delete("2")
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    with pytest.raises(exceptions.BadRequest, match="is deployed"):
        vertex.models.delete_model(name=model)
    with pytest.raises(exceptions.BadRequest, match="is the default version"):
        delete("default")
    with pytest.raises(exceptions.NotFound):
        delete("other")

    vertex.finish(
        vertex.endpoints.undeploy_model(
            endpoint=endpoint, deployed_model_id="2", traffic_split={"1": 100}
        )
    )
    vertex.finish(delete("2"))
    assert list(aliases(vertex, model)) == ["1"]
    with pytest.raises(exceptions.BadRequest, match="no version but"):
        delete("1")
    # A version number is never reused.
    assert vertex.upload(URI, parent_model=model).model_version_id == "3"


def test_delete_a_model(vertex: Any) -> None:
    model = vertex.upload(URI, model_id="linnerud").model
    with pytest.raises(exceptions.BadRequest, match="is a version"):
        vertex.models.delete_model(name=f"{model}@1")
    vertex.finish(vertex.models.delete_model(name=model))
    with pytest.raises(exceptions.NotFound):
        vertex.models.get_model(name=model)
    assert vertex.upload(URI, model_id="linnerud").model_version_id == "1"


def test_evaluations(vertex: Any) -> None:
    model = vertex.upload(URI).model
    vertex.upload(URI, parent_model=model, model={"version_aliases": ["next"]})
    schema = "gs://google-cloud-aiplatform/schema/modelevaluation/regression_metrics_1.0.0.yaml"

    made = vertex.models.import_model_evaluation(
        parent=f"{model}@next",
        model_evaluation={"metrics_schema_uri": schema, "metrics": {"rmse": 1.5}},
    )
    assert made.name.startswith(f"{model}@2/evaluations/")
    assert made.metrics["rmse"] == 1.5
    assert vertex.models.get_model_evaluation(name=made.name) == made
    assert list(vertex.models.list_model_evaluations(parent=f"{model}@2")) == [made]
    assert not list(vertex.models.list_model_evaluations(parent=model))
    with pytest.raises(exceptions.NotFound):
        vertex.models.get_model_evaluation(name=f"{model}@1/evaluations/1")
    with pytest.raises(exceptions.BadRequest, match="metrics_schema_uri"):
        vertex.models.import_model_evaluation(parent=model, model_evaluation={})


def test_slices_of_an_evaluation(vertex: Any) -> None:
    model = vertex.upload(URI).model
    schema = "gs://google-cloud-aiplatform/schema/modelevaluation/regression_metrics_1.0.0.yaml"
    evaluation = vertex.models.import_model_evaluation(
        parent=model, model_evaluation={"metrics_schema_uri": schema}
    ).name
    sent = [
        {"slice_": {"dimension": dimension, "value": value}, "metrics_schema_uri": schema}
        for dimension, value in (("annotationSpec", "a"), ("slice", "b"))
    ]
    imported = vertex.models.batch_import_model_evaluation_slices(
        parent=evaluation, model_evaluation_slices=sent
    ).imported_model_evaluation_slices
    first, second = (vertex.models.get_model_evaluation_slice(name=name) for name in imported)
    assert (first.slice_.value, second.slice_.value) == ("a", "b")
    assert first.create_time == vertex.clock.now
    assert list(vertex.models.list_model_evaluation_slices(parent=evaluation)) == [second, first]
    request = {"parent": evaluation, "filter": 'slice.dimension="annotationSpec"'}
    assert list(vertex.models.list_model_evaluation_slices(request=request)) == [first]
    described = vertex.models.get_model_evaluation(name=evaluation)
    assert described.slice_dimensions == ["annotationSpec", "slice"]
    for invalid in ([], [*sent, {}], [{"metrics_schema_uri": schema}]):
        with pytest.raises(exceptions.BadRequest, match="required"):
            vertex.models.batch_import_model_evaluation_slices(
                parent=evaluation, model_evaluation_slices=invalid
            )
    for missing in (f"{evaluation}1/slices/1", f"{evaluation}/slices/1"):
        with pytest.raises(exceptions.NotFound):
            vertex.models.get_model_evaluation_slice(name=missing)
    assert len(list(vertex.models.list_model_evaluation_slices(parent=evaluation))) == 2
    assert not list(vertex.models.list_model_version_checkpoints(name=f"{model}@1"))
    with pytest.raises(exceptions.NotFound):
        vertex.models.list_model_version_checkpoints(name=f"{model}@2")
    vertex.finish(vertex.models.delete_model(name=model))
    with pytest.raises(exceptions.NotFound):
        vertex.models.list_model_evaluation_slices(parent=evaluation)


def test_copies_of_a_model(vertex: Any, bucket: Any) -> None:
    """A copy has the version's own files, in any location of the project."""
    source = vertex.upload(
        bucket.put_constant(3),
        model={
            "labels": {"run": "r1"},
            "description": "d",
            "version_aliases": ["golden"],
            "original_model_info": {"model": "any"},
        },
    ).model
    vertex.upload(bucket.put_constant(4), parent_model=source, model={"display_name": "next"})
    elsewhere = vertex.parent.replace("/test-", "/copies-")

    def copy(**request: Any) -> Any:
        return vertex.finish(vertex.models.copy_model(request=request))

    made = copy(parent=elsewhere, source_model=f"{source}@golden", model_id="copied")
    assert (made.model, made.model_version_id) == (f"{elsewhere}/models/copied", "1")
    model, original = (vertex.models.get_model(name=name) for name in (made.model, f"{source}@1"))
    for field in ("display_name", "description", "labels", "container_spec", "artifact_uri"):
        assert getattr(model, field) == getattr(original, field)
    assert model.original_model_info.model == f"{source}@1"
    assert "original_model_info" not in original
    assert (model.model_source_info.copy, original.model_source_info.copy) == (True, False)
    assert model.version_aliases == ["default"]
    again = copy(parent=elsewhere, source_model=f"{source}@2", parent_model=made.model)
    assert (again.model, again.model_version_id) == (made.model, "2")
    assert aliases(vertex, made.model) == {"1": ["default"], "2": []}
    assert copy(parent=vertex.parent, source_model=source).model not in (source, made.model)

    vertex.finish(vertex.models.delete_model(name=source))
    vertex.parent = elsewhere
    endpoint = vertex.endpoint("copied").name
    vertex.finish(vertex.deploy(endpoint, made.model, {"0": 100}))
    response = vertex.predictions.predict(endpoint=endpoint, instances=[[1.0, 2.0, 3.0]])
    assert response.predictions[0] == [3, 3]
