"""The pages of the sandbox, which stand in for Google's console: content, escaping, guard."""

import json
import re
from typing import Any

import httpx
import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from playwright.sync_api import sync_playwright

from tests.browser import CHROMIUM, needs_browser
from tests.sandbox.conftest import CONSTANT, MACHINE, Storage, Vertex
from tests.sandbox.services.test_browser_guard import EVIL, IMAGE, LINK, TYPED
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.prediction.model_servers import behaviour
from tests.waiting import until
from titleholder.gcp import console

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def links(vertex: Vertex, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The functions that make URLs, for the server."""
    monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", vertex.url)
    return console


def page(url: str, **headers: str) -> httpx.Response:
    return httpx.get(
        url, headers=headers, trust_env=False, verify=False, follow_redirects=True, timeout=30
    )


def run(vertex: Vertex, bucket: Storage, monkeypatch: Any, pipeline: Any, **values: Any) -> Any:
    """A finished job of the pipeline."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.host)
    job = types.PipelineJob(
        display_name=f"job {HOSTILE}",
        runtime_config={"gcs_output_directory": f"gs://{bucket.bucket}/root"},
    )
    message = types.PipelineJob.pb(job)
    json_format.ParseDict(json.loads(samples.compiled(pipeline)), message.pipeline_spec)
    for name, value in values.items():
        json_format.ParseDict(value, message.runtime_config.parameter_values[name])
    name = vertex.jobs.create_pipeline_job(parent=vertex.parent, pipeline_job=job).name
    final = ("PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED")

    def ended() -> Any:
        found = vertex.jobs.get_pipeline_job(name=name)
        return found if found.state.name in final else None

    return until(ended, "the end of the job")


def test_a_failed_job_and_the_logs_of_its_tasks(
    vertex: Vertex, bucket: Storage, links: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = run(vertex, bucket, monkeypatch, samples.broken, table=HOSTILE)
    shown = page(links.pipeline_page(job.name))
    assert shown.status_code == 200
    assert "failed" in shown.text
    assert "&lt;script&gt;" in shown.text
    assert "<script" not in shown.text
    assert 'http-equiv="refresh"' not in shown.text, "the job has ended"
    (failed,) = (
        task
        for task in job.job_detail.task_details
        if task.state.name == "FAILED" and task.executor_detail.container_detail.main_job
    )
    # Google's page of a task's log leads to its page here.
    custom_job = failed.executor_detail.container_detail.main_job
    log = page(links.logs_page(custom_job))
    assert str(log.url).endswith(f"/tasks/{failed.task_id}")
    assert "Traceback (most recent call last):" in log.text
    assert "<script" not in log.text


def test_a_job_that_runs_is_read_again(vertex: Vertex, links: Any, tmp_path: Any) -> None:
    job = types.PipelineJob(runtime_config={"gcs_output_directory": "gs://artifacts/root"})
    message = types.PipelineJob.pb(job)
    json_format.ParseDict(json.loads(samples.compiled(samples.sleeper)), message.pipeline_spec)
    json_format.ParseDict(
        str(tmp_path / "pid"), message.runtime_config.parameter_values["pid_file"]
    )
    name = vertex.jobs.create_pipeline_job(parent=vertex.parent, pipeline_job=job).name
    assert 'http-equiv="refresh"' in page(links.pipeline_page(name)).text
    vertex.jobs.cancel_pipeline_job(name=name)
    until(
        lambda: vertex.jobs.get_pipeline_job(name=name).state.name == "PIPELINE_STATE_CANCELLED",
        "the cancellation",
    )
    assert 'http-equiv="refresh"' not in page(links.pipeline_page(name)).text


def test_an_endpoint_its_models_and_their_versions(
    vertex: Vertex, pair: tuple[str, str], links: Any
) -> None:
    endpoint, model = pair
    found = vertex.endpoints.get_endpoint(name=endpoint)
    found.labels = {"champion": "1", "challenger": "2"}
    vertex.endpoints.update_endpoint(endpoint=found, update_mask={"paths": ["labels"]})
    text = page(links.endpoint_page(endpoint)).text
    for part in ("90 %", "10 %", "champion", "challenger", ">linnerud@1<", ">linnerud@2<"):
        assert part in text
    version = page(links.version_page(endpoint, "linnerud@2"))
    assert version.status_code == 200
    assert f"{model}@2" in version.text
    assert "as 2" in version.text
    overview = page(f"{vertex.url}/console/")
    assert f'href="{links.endpoint_page(endpoint).removeprefix(vertex.url).partition("?")[0]}"' in (
        overview.text
    )


def test_the_log_of_a_model_server_is_linked_from_its_endpoint(
    vertex: Vertex, bucket: Storage, links: Any
) -> None:
    two = {"dedicated_resources": {**MACHINE, "min_replica_count": 2}}
    endpoint = vertex.deployed(bucket.put_constant(1))
    container = {"image_uri": CONSTANT, **behaviour("talks", LAST_WORDS=f"bye {HOSTILE}")}
    talking = vertex.upload(bucket.put_constant(2), model={"container_spec": container}).model
    vertex.finish(vertex.deploy(endpoint, talking, {"0": 10, "1": 90}, id="2", **two))
    shown = page(links.endpoint_page(endpoint))
    found = dict(re.findall(r'href="(/console/[^"]*/deployed-models/(\d+)/logs)"', shown.text))
    assert sorted(found.values()) == ["1", "2"]
    by_id = {deployed: page(f"{vertex.url}{path}") for path, deployed in found.items()}
    assert "serving on " in by_id["1"].text
    assert by_id["1"].text.count("<h2>") == 1
    text = by_id["2"].text
    for part in ("Log of replica 1", "Log of replica 2"):
        assert part in text
    assert text.count("bye &lt;script&gt;") == 2
    assert "<script" not in text
    assert "first words" not in text, "only the end of a long log"
    assert 2**20 < len(text) < 1.1 * 2**20
    assert "frame-ancestors 'none'" in by_id["2"].headers["content-security-policy"]


def test_an_object_is_shown_and_can_run_nothing(bucket: Storage, links: Any) -> None:
    report = f"<!doctype html><title>Duel</title>{HOSTILE}"
    bucket.put("duel 1/report", report.encode())
    shown = page(links.object_page(f"gs://{bucket.bucket}/duel 1/report"))
    assert shown.text == report
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    policy = shown.headers["content-security-policy"].split("; ")
    assert {"sandbox", "default-src 'none'"} <= set(policy)
    bucket.put("binary", b"\xff\xfe")
    binary = page(links.object_page(f"gs://{bucket.bucket}/binary"))
    assert binary.headers["content-type"] == "application/octet-stream"
    assert page(links.object_page(f"gs://{bucket.bucket}/none")).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/vertex-ai/locations/us-central1/endpoints/none", 404),
        ("/vertex-ai/locations/us-central1/endpoints/none/deployed-models/1/logs", 404),
        ("/vertex-ai/locations/us-central1/endpoints/none/deployed-models/..%2f..%2f1/logs", 404),
        ("/vertex-ai/locations/us-central1/endpoints/none?project=other", 403),
        ("/vertex-ai/locations/us-central1/pipelines/runs/none", 404),
        ("/vertex-ai/models/locations/us-central1/models/m/versions/1/properties", 404),
        ("/vertex-ai/locations/..%2f..%2fetc/pipelines/runs/passwd", 404),
        ("/logs/query;query=resource.labels.job_id%3D%2242%22", 404),
    ],
)
def test_what_does_not_exist_is_said_in_one_sentence(
    vertex: Vertex, path: str, status: int
) -> None:
    shown = page(f"{vertex.url}/console{path}")
    assert shown.status_code == status
    assert shown.headers["content-type"].startswith("text/html")
    assert shown.text.count("<p>") == 1


def test_a_link_may_lead_here_and_nothing_else_may(vertex: Vertex) -> None:
    url = f"{vertex.url}/console/"
    for headers in ({"Sec-Fetch-Site": "cross-site", **LINK}, TYPED, {}):
        shown = page(url, **headers)
        assert shown.status_code == 200
        assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
        assert not [name for name in shown.headers if name.startswith("access-control")]
    for headers in (
        {"Origin": EVIL},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site", **IMAGE},
        {"Sec-Fetch-Site": "cross-site", **LINK, "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "document"},
    ):
        assert page(url, **headers).status_code == 403
    link = {"Sec-Fetch-Site": "cross-site", **LINK}
    assert httpx.post(url, headers=link, trust_env=False, verify=False).status_code == 403
    # The API behind the same port takes no links.
    assert page(f"{vertex.url}/v1/{vertex.parent}/endpoints", **link).status_code == 403


@needs_browser
def test_the_pages_in_a_browser(vertex: Vertex, pair: tuple[str, str], links: Any) -> None:
    wrong: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = chromium.new_page(viewport={"width": 390, "height": 800})
        shown.on("console", lambda message: wrong.append(message.text))
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.goto(links.endpoint_page(pair[0]))
        assert shown.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        # The style is the one that the policy allows.
        assert shown.evaluate("() => getComputedStyle(document.body).maxWidth") == "1120px"
        shown.get_by_role("link", name="linnerud@2").click()
        shown.get_by_role("heading", name="linnerud@2").wait_for()
        shown.get_by_role("link", name="Vertex AI in the sandbox").click()
        shown.get_by_role("heading", name="Endpoints").wait_for()
        chromium.close()
    assert wrong == []
