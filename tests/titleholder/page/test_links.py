"""Links to Airflow and to Google's console, and that other names and URIs give none."""

import pytest

from tests.titleholder.page.model_sections import ENDPOINT, JOB, REPORT
from titleholder.gcp import console
from titleholder.page.render import dag_page, run_page

CONSOLE = "https://console.cloud.google.com"


def test_addresses_of_links() -> None:
    run = "linnerud__rollout/manual__2026-11-20T05:00:00+00:00"
    path = "dags/linnerud__rollout/runs/manual__2026-11-20T05%3A00%3A00%2B00%3A00"
    assert run_page("https://a.b/", run) == f"https://a.b/{path}"
    assert run_page("", run) == f"/{path}"
    assert run_page(None, run) == ""
    assert dag_page("/base", "linnerud__train") == "/base/dags/linnerud__train"
    assert console.pipeline_page(JOB) == (
        f"{CONSOLE}/vertex-ai/locations/us-central1/pipelines/runs/duel-1?project=1"
    )
    assert console.endpoint_page(ENDPOINT) == (
        f"{CONSOLE}/vertex-ai/locations/us-central1/endpoints/7?project=1"
    )
    assert console.version_page(ENDPOINT, "linnerud@3").startswith(
        f"{CONSOLE}/vertex-ai/models/locations/us-central1/models/linnerud/versions/3/"
    )
    assert console.object_page(REPORT) == (
        "https://storage.cloud.google.com/b/pipelines/1/duel-1/report.html"
    )


@pytest.mark.parametrize(
    "name", ["", "javascript:alert(1)", "https://evil.example/x", "../..", "a/b/c", 'x" onload="y']
)
def test_unknown_names_have_no_link(name: str) -> None:
    found = [
        run_page("", name),
        console.pipeline_page(name),
        console.endpoint_page(name),
        console.object_page(name),
    ]
    found += [console.version_page(ENDPOINT, name), console.version_page(name, "linnerud@3")]
    assert found == [""] * 6
