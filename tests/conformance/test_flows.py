"""What Google's own samples, notebooks and system tests do, as unmodified programs: the SDK by gRPC
with Google's addresses and credentials (docs/tutorials/sandbox.md)."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform, bigquery, storage
from kfp import compiler, dsl

from sandbox.containers.catalog import Catalog
from sandbox.containers.environments import interpreter
from sandbox.google_cloud import google_cloud
from tests.conformance.conftest import ROW
from tests.conftest import CONSTANT, IMAGES

PROJECT = "public-flows"
MACHINE = "n1-standard-2"


@pytest.fixture(scope="module", autouse=True)
def cloud() -> Iterator[None]:
    with google_cloud(PROJECT, images=IMAGES):
        aiplatform.init(project=PROJECT, location="us-central1")
        storage.Client().create_bucket("flows")
        yield


@pytest.fixture(scope="module")
def artifact(cloud: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a model for the image CONSTANT that predicts [1, 1]."""
    storage.Client().bucket("flows").blob("one/constant.json").upload_from_string("[1, 1]")
    return "gs://flows/one"


def upload(artifact: str, **more: Any) -> aiplatform.Model:
    return aiplatform.Model.upload(
        artifact_uri=artifact, serving_container_image_uri=CONSTANT, **more
    )


def test_versions_are_named_by_alias(artifact: str) -> None:
    first = upload(artifact, display_name="aliased", version_aliases=["testing"])
    second = upload(
        artifact, parent_model=first.resource_name, is_default_version=False, display_name="other"
    )
    registry = second.versioning_registry
    assert [one.version_id for one in registry.list_versions()] == ["1", "2"]
    assert second.version_aliases == []
    registry.add_version_aliases(["new-alias"], "default")
    registry.remove_version_aliases(["testing"], "new-alias")
    assert sorted(registry.get_model("new-alias").version_aliases) == ["default", "new-alias"]
    registry.add_version_aliases(["obsolete"], "2")
    registry.delete_version("obsolete")
    assert [one.version_id for one in registry.list_versions()] == ["1"]


def test_a_prediction_by_raw_predict_names_its_model(artifact: str) -> None:
    endpoint = upload(artifact, display_name="raw").deploy(machine_type=MACHINE)
    usual = endpoint.predict([ROW])
    raw = endpoint.predict([ROW], use_raw_predict=True)
    assert raw.predictions == usual.predictions == [[1, 1]]
    assert raw.deployed_model_id == usual.deployed_model_id
    assert raw.model_resource_name == usual.model_resource_name
    assert raw.model_version_id == usual.model_version_id == "1"
    endpoint.delete(force=True)


def test_bigquery_loads_from_cloud_storage() -> None:
    storage.Client().bucket("flows").blob("rows/a.csv").upload_from_string("a,b\n1,x\n2,y\n")
    client = bigquery.Client()
    client.create_dataset("flows")
    config = bigquery.LoadJobConfig(autodetect=True, skip_leading_rows=1, source_format="CSV")
    client.load_table_from_uri("gs://flows/rows/*.csv", "flows.rows", job_config=config).result()
    (row,) = client.query("SELECT SUM(a) AS sum FROM flows.rows").result()
    assert row.sum == 3
    with pytest.raises(exceptions.BadRequest, match="does not export"):
        client.extract_table("flows.rows", "gs://flows/rows/out.csv").result()
    client.close()


@dsl.component(base_image="python:3.11")
def deploys(project: str, model: str, image: str) -> str:
    """A component that is itself a program for Google Cloud."""
    from google.cloud import aiplatform, bigquery, storage

    aiplatform.init(project=project, location="us-central1")
    uploaded = aiplatform.Model.upload(
        display_name="from-a-step", artifact_uri=model, serving_container_image_uri=image
    )
    (row,) = bigquery.Client(project=project).query("SELECT 6 * 7 AS answer").result()
    names = sorted(bucket.name for bucket in storage.Client(project=project).list_buckets())
    return f"{uploaded.name} {row.answer} {'flows' in names}"


@dsl.pipeline(name="program")
def program(project: str, model: str, image: str) -> None:
    deploys(project=project, model=model, image=image)


def run(pipeline: Any, folder: Path, **parameters: str) -> aiplatform.PipelineJob:
    template = str(folder / "pipeline.yaml")
    compiler.Compiler().compile(pipeline, template)
    job = aiplatform.PipelineJob(
        display_name="flow", template_path=template, parameter_values=parameters
    )
    job.run()
    return job


def test_a_component_is_a_program_for_google_cloud(artifact: str, tmp_path: Path) -> None:
    job = run(program, tmp_path, project=PROJECT, model=artifact, image=CONSTANT)
    (said,) = [
        task.execution.metadata["output:Output"]
        for task in job.task_details
        if task.task_name == "deploys"
    ]
    (uploaded,) = aiplatform.Model.list(filter='display_name="from-a-step"')
    assert said == f"{uploaded.name} 42 True"


# Those that the SDK's upload_xgboost_model_file and its like choose, if no version is given, first.
TRAIN = """
import json, pickle, sys
import numpy, xgboost
rows = numpy.arange(60.0).reshape(20, 3)
model = xgboost.train({"seed": 1}, xgboost.DMatrix(rows, label=rows.sum(axis=1)), 5)
model.save_model(sys.argv[1] + "/model.bst")
pickle.dump(model, open(sys.argv[1] + "/model.pkl", "wb"))
json.dump(model.predict(xgboost.DMatrix(rows[:2])).tolist(), open(sys.argv[1] + "/answer", "w"))
"""


@pytest.mark.long  # It installs XGBoost.
@pytest.mark.parametrize("file", ["model.bst", "model.pkl"])
@pytest.mark.parametrize("version", ["1.4", "1.1", "1.2", "1.3", "1.5", "1.6", "1.7", "2.0"])
def test_xgboost_of_every_version(version: str, file: str, tmp_path: Path) -> None:
    image = aiplatform.helpers.get_prebuilt_prediction_container_uri("xgboost", version)
    python = interpreter(Catalog().find(image))
    subprocess.run([python, "-W", "ignore", "-c", TRAIN, tmp_path], check=True, timeout=120)
    chosen = {} if version == "1.4" else {"xgboost_version": version}
    model = aiplatform.Model.upload_xgboost_model_file(
        model_file_path=str(tmp_path / file), **chosen
    )
    assert model.container_spec.image_uri == image
    endpoint = model.deploy(machine_type=MACHINE)
    answer = json.loads((tmp_path / "answer").read_text())
    found = endpoint.predict([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    assert found.predictions == pytest.approx(answer)
    endpoint.delete(force=True)


ENDPOINT = "google_cloud_pipeline_components.container.v1.endpoint"
COMPONENTS = "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0"


def launcher(kind: str, module: str, payload: Any, project: str, resources: Any) -> Any:
    """The container of a Google Cloud Pipeline Component, as that package writes it."""
    return dsl.ContainerSpec(
        image=COMPONENTS,
        command=["python3", "-u", "-m", f"{ENDPOINT}.{module}.launcher"],
        args=[
            *("--type", kind, "--payload", dsl.ConcatPlaceholder(payload)),
            *("--project", project, "--location", "us-central1"),
            *("--gcp_resources", resources, "--executor_input", "{{$}}"),
        ],
    )


@dsl.container_component
def create_endpoint(
    project: str, endpoint: dsl.Output[dsl.Artifact], gcp_resources: dsl.OutputPath(str)
):
    payload = ['{"display_name": "made-by-', project, '"}']
    return launcher("CreateEndpoint", "create_endpoint", payload, project, gcp_resources)


@dsl.container_component
def delete_endpoint(
    project: str, endpoint: dsl.Input[dsl.Artifact], gcp_resources: dsl.OutputPath(str)
):
    payload = [
        '{"endpoint": "',
        "{{$.inputs.artifacts['endpoint'].metadata['resourceName']}}",
        '"}',
    ]
    return launcher("DeleteEndpoint", "delete_endpoint", payload, project, gcp_resources)


@dsl.pipeline(name="components")
def components(project: str) -> None:
    made = create_endpoint(project=project)
    delete_endpoint(project=project, endpoint=made.outputs["endpoint"])


@pytest.mark.long  # It installs the package.
def test_google_components_need_no_docker(tmp_path: Path) -> None:
    job = run(components, tmp_path, project=PROJECT)
    tasks = {task.task_name: task for task in job.task_details}
    (made,) = tasks["create-endpoint"].outputs["endpoint"].artifacts
    assert made.metadata["resourceName"].startswith("projects/100000000001/")
    assert tasks["delete-endpoint"].state.name == "SUCCEEDED"
    assert not aiplatform.Endpoint.list(filter=f'display_name="made-by-{PROJECT}"')
