"""URLs of Google Cloud console pages by resource name.

The paths are those of google-cloud-aiplatform (`PipelineJob._dashboard_uri`) and of
apache-airflow-providers-google (`links/vertex_ai.py`). Names may have the project's id or number:
the console accepts both. An emulator of Vertex AI serves the same paths below `/console`.
"""

import re
from urllib.parse import quote

from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.loopback import VERTEX_AI, emulator

CONSOLE, OBJECTS = "https://console.cloud.google.com", "https://storage.cloud.google.com"


def pipeline_page(job: str) -> str:
    """The pipeline job `projects/P/locations/L/pipelineJobs/J`; "" for any other name."""
    parts = _parts(job, "pipelineJobs")
    return _page(f"{_vertex(parts)}/pipelines/runs/{parts[2]}?project={parts[0]}") if parts else ""


def endpoint_page(endpoint: str) -> str:
    """The endpoint `projects/P/locations/L/endpoints/E`; "" for any other name."""
    path = endpoint_path(endpoint)
    return _page(path) if path else ""


def endpoint_path(endpoint: str) -> str:
    """The path and query of that page, which are the same at Google and below an emulator's
    `/console`."""
    parts = _parts(endpoint, "endpoints")
    return f"{_vertex(parts)}/endpoints/{parts[2]}?project={parts[0]}" if parts else ""


def version_page(endpoint: str, version: str) -> str:
    """The version `model@number` beside that endpoint; "" for any other name."""
    parts = _parts(endpoint, "endpoints")
    match = re.fullmatch(r"([\w-]+)@(\d+)", version)
    if not parts or match is None:
        return ""
    return _page(
        f"/vertex-ai/models/locations/{parts[1]}/models/{match[1]}/versions/{match[2]}"
        f"/properties?project={parts[0]}"
    )


def logs_page(custom_job: str) -> str:
    """The logs of `projects/P/locations/L/customJobs/C`, which ran a task of a pipeline: Vertex AI
    logs it as the resource ml_job; "" for any other name."""
    parts = _parts(custom_job, "customJobs")
    if not parts:
        return ""
    query = quote(f'resource.type="ml_job" resource.labels.job_id="{parts[2]}"', safe="")
    return _page(f"/logs/query;query={query}?project={parts[0]}")


def object_page(uri: str) -> str:
    """The object `gs://bucket/name` for a signed-in user
    (https://cloud.google.com/storage/docs/request-endpoints#cookieauth); "" for any other URI."""
    match = re.fullmatch(r"gs://([\w.-]+)/(.+)", uri)
    return _url(OBJECTS, f"/{match[1]}/{quote(match[2])}", below="/storage") if match else ""


def _page(path: str) -> str:
    return _url(CONSOLE, path)


def _url(google: str, path: str, below: str = "") -> str:
    """The page at Google, or at an emulator of Vertex AI; "" if the emulator's address is invalid,
    which its clients report."""
    try:
        host = emulator(VERTEX_AI)
    except EnvironmentConfigError:
        return ""
    return f"{google}{path}" if host is None else f"{host.rstrip('/')}/console{below}{path}"


def _parts(name: str, kind: str) -> tuple[str, str, str] | None:
    """Project, location and id of a resource name of that kind."""
    match = re.fullmatch(rf"projects/([^/]+)/locations/([^/]+)/{kind}/([^/]+)", name)
    return (quote(match[1]), quote(match[2]), quote(match[3])) if match else None


def _vertex(parts: tuple[str, str, str]) -> str:
    return f"/vertex-ai/locations/{parts[1]}"
