"""Errors of the Model service: exception, status, and no change."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.conftest import Cloud, done, refused
from tests.conftest import CONSTANT

INVALID, PRECONDITION = "INVALID_ARGUMENT", "FAILED_PRECONDITION"


@pytest.fixture(scope="module")
def three_versions(_cloud: Cloud) -> str:
    """A model with three versions: `1` default and deployed, `2` golden, `3` plain."""
    _cloud.parent = f"projects/{_cloud.project}/locations/refused-models"
    model = _cloud.upload(model_id="m", model={"labels": {"team": "ml"}}).model
    _cloud.upload(parent_model=model, model={"version_aliases": ["golden"]})
    _cloud.upload(parent_model=model)
    done(_cloud.deploy(_cloud.endpoint("x"), f"{model}@1", {"0": 100}, id="1"))
    return str(model)


@pytest.fixture
def model(cloud: Cloud, three_versions: str) -> Iterator[str]:
    cloud.parent = three_versions.partition("/models/")[0]
    before = list(cloud.models.list_model_versions(name=three_versions))
    yield three_versions
    assert list(cloud.models.list_model_versions(name=three_versions)) == before
    assert [one.name for one in cloud.models.list_models(parent=cloud.parent)] == [three_versions]
    running = cloud.models.list_operations({"name": cloud.parent, "filter": "done=false"})
    assert not running.operations


@pytest.mark.parametrize(
    ("status", "request_fields", "fields"),
    [
        (INVALID, {"model": {}}, {}),
        (INVALID, {}, {"display_name": ""}),
        (INVALID, {}, {"display_name": "x" * 129}),
        (INVALID, {}, {"container_spec": None}),
        (INVALID, {}, {"container_spec": {"command": ["serve"]}}),
        (INVALID, {}, {"artifact_uri": "/models/mine"}),
        (INVALID, {}, {"artifact_uri": "s3://bucket/model"}),
        (INVALID, {}, {"artifact_uri": "gs://"}),
        (INVALID, {}, {"labels": {"Team": "ml"}}),
        (INVALID, {}, {"labels": {"team": "m" * 65}}),
        (INVALID, {}, {"version_aliases": ["1"]}),
        (INVALID, {}, {"version_aliases": ["g"]}),
        (INVALID, {}, {"version_aliases": ["Golden"]}),
        (INVALID, {}, {"version_aliases": ["golden_"]}),
        (INVALID, {}, {"version_aliases": ["golden-"]}),
        (INVALID, {}, {"version_aliases": ["g" * 129]}),
        (INVALID, {}, {"version_aliases": ["-golden"]}),
        (INVALID, {"parent_model": "m"}, {}),
        (INVALID, {"parent_model": "{model}", "model_id": "n"}, {}),
        (INVALID, {"parent_model": "{elsewhere}"}, {}),
        (INVALID, {"model_id": "1m"}, {}),
        (INVALID, {"model_id": "-m"}, {}),
        (INVALID, {"model_id": "M"}, {}),
        (INVALID, {"model_id": "m.n"}, {}),
        (INVALID, {"model_id": "m@1"}, {}),
        (INVALID, {"model_id": "m" * 64}, {}),
        ("ALREADY_EXISTS", {"model_id": "m"}, {}),
        ("NOT_FOUND", {"parent_model": "{model}-2"}, {}),
        ("PERMISSION_DENIED", {"parent": "projects/other/locations/l"}, {}),
        ("PERMISSION_DENIED", {"parent_model": "projects/other/locations/l/models/m"}, {}),
        ("UNIMPLEMENTED", {}, {"encryption_spec": {"kms_key_name": "k"}}),
    ],
)
def test_upload_is_refused(
    cloud: Cloud, model: str, status: str, request_fields: Any, fields: Any
) -> None:
    elsewhere = model.replace("/refused-models/", "/us-central1/")
    values: dict[str, Any] = {
        "parent": cloud.parent,
        "model": {
            "display_name": "x",
            "artifact_uri": "gs://any/where",
            "container_spec": {"image_uri": CONSTANT},
            **fields,
        },
        **request_fields,
    }
    if "parent_model" in values:
        values["parent_model"] = (
            values["parent_model"].replace("{model}", model).replace("{elsewhere}", elsewhere)
        )
    refused(status, cloud.models.upload_model, request=values)


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (INVALID, {"source_model": ""}),
        (INVALID, {"source_model": "m"}),
        (INVALID, {"source_model": "{model}@"}),
        (INVALID, {"model_id": "M"}),
        (INVALID, {"parent_model": "{model}x/y"}),
        (INVALID, {"parent_model": "projects/{project}/locations/us-central1/models/m"}),
        ("NOT_FOUND", {"source_model": "{model}@9"}),
        ("NOT_FOUND", {"source_model": "{model}-2"}),
        ("NOT_FOUND", {"parent_model": "{model}-2"}),
        ("ALREADY_EXISTS", {"model_id": "m"}),
        ("PERMISSION_DENIED", {"source_model": "projects/other/locations/l/models/m"}),
        ("PERMISSION_DENIED", {"parent": "projects/other/locations/l"}),
        ("UNIMPLEMENTED", {"encryption_spec": {"kms_key_name": "k"}}),
    ],
)
def test_copy_is_refused(cloud: Cloud, model: str, status: str, fields: Any) -> None:
    names = {"{model}": model, "{project}": cloud.project}
    request = {"parent": cloud.parent, "source_model": model, **fields}
    for word, name in names.items():
        request = {
            key: value.replace(word, name) if isinstance(value, str) else value
            for key, value in request.items()
        }
    refused(status, cloud.models.copy_model, request=request)


@pytest.mark.parametrize(
    ("status", "suffix", "aliases"),
    [
        (INVALID, "@1", ["-default"]),
        (INVALID, "@2", ["-default"]),
        (INVALID, "@1", ["-golden"]),
        (INVALID, "@1", ["Golden"]),
        (INVALID, "@1", ["g"]),
        (INVALID, "@1", ["2"]),
        (INVALID, "@1", [""]),
        (INVALID, "@1", ["-"]),
        (INVALID, "@1", ["fine", "not fine"]),
        (INVALID, "@1", []),
        (INVALID, "", ["fine"]),
        (INVALID, "@", ["fine"]),
        ("NOT_FOUND", "@other", ["fine"]),
        ("NOT_FOUND", "@4", ["fine"]),
        ("NOT_FOUND", "-2@1", ["fine"]),
    ],
)
def test_merge_aliases_is_refused(
    cloud: Cloud, model: str, status: str, suffix: str, aliases: list[str]
) -> None:
    refused(
        status, cloud.models.merge_version_aliases, name=model + suffix, version_aliases=aliases
    )


@pytest.mark.parametrize(
    ("status", "suffix", "fields", "paths"),
    [
        (INVALID, "", {"description": "x"}, []),
        (INVALID, "", {"description": "x"}, ["*"]),
        (INVALID, "", {"description": "x"}, ["description", "colour"]),
        (INVALID, "", {"artifact_uri": "gs://b/x"}, ["artifact_uri"]),
        (INVALID, "", {"version_aliases": ["x1"]}, ["version_aliases"]),
        (INVALID, "", {"version_description": "x"}, ["version_description"]),
        (INVALID, "@2", {"display_name": "x"}, ["display_name"]),
        (INVALID, "", {"display_name": ""}, ["display_name"]),
        (INVALID, "", {"display_name": "x" * 129}, ["display_name"]),
        (INVALID, "", {"labels": {"a": "B"}}, ["labels"]),
        (INVALID, "@", {"version_description": "x"}, ["version_description"]),
        ("ABORTED", "", {"description": "x", "etag": "outdated"}, ["description"]),
        (
            "ABORTED",
            "@2",
            {"version_description": "x", "etag": "outdated"},
            ["version_description"],
        ),
        ("NOT_FOUND", "-2", {"description": "x"}, ["description"]),
        ("NOT_FOUND", "@9", {"version_description": "x"}, ["version_description"]),
    ],
)
def test_update_is_refused(
    cloud: Cloud, model: str, status: str, suffix: str, fields: Any, paths: list[str]
) -> None:
    refused(
        status,
        cloud.models.update_model,
        model={"name": model + suffix, **fields},
        update_mask={"paths": paths},
    )


def test_a_used_model_or_version_is_not_deleted(cloud: Cloud, model: str) -> None:
    delete = cloud.models.delete_model_version
    refused(PRECONDITION, cloud.models.delete_model, name=model)
    refused(PRECONDITION, delete, name=f"{model}@1")
    for suffix in ("", "@"):
        refused(INVALID, delete, name=model + suffix)
    refused(PRECONDITION, delete, name=f"{model}@default")
    for suffix in ("@other", "@9"):
        refused("NOT_FOUND", delete, name=model + suffix)
    refused("NOT_FOUND", cloud.models.delete_model, name=f"{model}-2")
    refused(INVALID, cloud.models.delete_model, name=f"{model}@3")


def test_a_deployed_version_that_is_not_the_default_is_not_deleted(cloud: Cloud) -> None:
    _, model = cloud.pair()
    assert "is deployed" in refused(
        PRECONDITION, cloud.models.delete_model_version, name=f"{model}@2"
    )
    assert "default" in refused(PRECONDITION, cloud.models.delete_model_version, name=f"{model}@1")


def test_the_only_version_is_not_deleted(cloud: Cloud) -> None:
    model = cloud.upload(model_id="only").model
    refused(PRECONDITION, cloud.models.delete_model_version, name=f"{model}@1")


def test_a_name_with_an_at_sign_needs_a_version(cloud: Cloud, model: str) -> None:
    refused(INVALID, cloud.models.get_model, name=f"{model}@")
    refused(
        INVALID,
        cloud.models.update_model,
        model={"name": f"{model}@", "description": "x"},
        update_mask={"paths": ["description"]},
    )


@pytest.mark.parametrize("suffix", ["-2", "@4", "@silver", "@1@2"])
def test_missing_models_are_not_found(cloud: Cloud, model: str, suffix: str) -> None:
    refused("NOT_FOUND", cloud.models.get_model, name=model + suffix)
    refused("NOT_FOUND", cloud.models.list_model_evaluations, parent=model + suffix)
    refused("NOT_FOUND", cloud.models.get_model_evaluation, name=f"{model}{suffix}/evaluations/1")
    refused(
        "NOT_FOUND",
        cloud.models.import_model_evaluation,
        parent=model + suffix,
        model_evaluation={"metrics_schema_uri": "gs://b/x.yaml"},
    )


def test_an_evaluation_needs_a_schema(cloud: Cloud, model: str) -> None:
    refused(INVALID, cloud.models.import_model_evaluation, parent=f"{model}@1", model_evaluation={})
    refused("NOT_FOUND", cloud.models.get_model_evaluation, name=f"{model}@1/evaluations/1")


@pytest.mark.parametrize(
    "values",
    [
        {"page_size": -1},
        {"page_token": "nonsense"},
        {"filter": "colour=red"},
        {"filter": "display_name=("},
        {"order_by": "colour"},
        {"read_mask": {"paths": ["colour"]}},
    ],
)
def test_invalid_lists_are_refused(cloud: Cloud, model: str, values: Any) -> None:
    refused(INVALID, cloud.models.list_models, {"parent": cloud.parent, **values})
    refused(INVALID, cloud.models.list_model_versions, {"name": model, **values})
