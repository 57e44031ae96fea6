"""URLs of console pages: the same as those of Google's SDK and of the Airflow provider."""

import pytest
from airflow.providers.google.cloud.links import vertex_ai
from google.cloud import aiplatform

from titleholder.gcp import console

PLACE = "projects/p1/locations/us-central1"
BASE = "https://console.cloud.google.com"


def test_urls_equal_those_of_the_provider() -> None:
    names = {"region": "us-central1", "project_id": "p1"}
    assert console.pipeline_page(f"{PLACE}/pipelineJobs/j-1") == BASE + (
        vertex_ai.VERTEX_AI_PIPELINE_JOB_LINK.format(**names, pipeline_id="j-1")
    )
    assert console.endpoint_page(f"{PLACE}/endpoints/e1") == BASE + (
        vertex_ai.VERTEX_AI_ENDPOINT_LINK.format(**names, endpoint_id="e1")
    )
    # The provider's URL is always that of the default version.
    assert console.version_page(f"{PLACE}/endpoints/e1", "m-1@3") == BASE + (
        vertex_ai.VERTEX_AI_MODEL_LINK.format(**names, model_id="m-1").replace(
            "versions/default", "versions/3"
        )
    )


def test_the_url_of_a_pipeline_job_equals_that_of_the_sdk() -> None:
    job = object.__new__(aiplatform.PipelineJob)
    job._gca_resource = type("Job", (), {"name": f"{PLACE}/pipelineJobs/j-1"})()
    assert console.pipeline_page(f"{PLACE}/pipelineJobs/j-1") == job._dashboard_uri()


def test_urls_of_logs_and_objects() -> None:
    assert console.logs_page(f"{PLACE}/customJobs/42") == (
        f"{BASE}/logs/query;query=resource.type%3D%22ml_job%22%20resource.labels.job_id%3D%2242%22"
        "?project=p1"
    )
    assert console.object_page("gs://b.x/a b/report#1") == (
        "https://storage.cloud.google.com/b.x/a%20b/report%231"
    )


def test_an_emulator_of_vertex_ai_has_the_same_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        console.pipeline_page: (f"{PLACE}/pipelineJobs/j-1",),
        console.endpoint_page: (f"{PLACE}/endpoints/e1",),
        console.version_page: (f"{PLACE}/endpoints/e1", "m-1@3"),
        console.logs_page: (f"{PLACE}/customJobs/42",),
    }
    at_google = {page: page(*name) for page, name in names.items()}
    for address in ("http://127.0.0.1:9000", "http://127.0.0.1:9000/"):
        monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", address)
        for page, name in names.items():
            assert page(*name) == at_google[page].replace(BASE, "http://127.0.0.1:9000/console")
        report = console.object_page("gs://b.x/a b/report#1")
        assert report == "http://127.0.0.1:9000/console/storage/b.x/a%20b/report%231"
    monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", "http://vertex.example")
    assert console.endpoint_page(f"{PLACE}/endpoints/e1") == "", "its clients report the address"


@pytest.mark.parametrize("name", ["", "linnerud", f"{PLACE}/models/m1", f"{PLACE}/endpoints/e/x"])
def test_other_names_have_no_page(name: str) -> None:
    assert console.pipeline_page(name) == ""
    assert console.endpoint_page(name) == ""
    assert console.logs_page(name) == ""
    assert console.object_page(name) == ""
    assert console.version_page(name, "m@1") == ""
    assert console.version_page(f"{PLACE}/endpoints/e1", "m@x") == ""
