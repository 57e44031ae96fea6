"""Links go where they should, and names and URIs from outside make none elsewhere."""

import pytest

from tests.titleholder.page.model_sections import ENDPOINT, JOB, REPORT
from titleholder.page import links

CONSOLE = "https://console.cloud.google.com"


def test_where_they_go() -> None:
    run = "linnerud__rollout/manual__2026-11-20T05:00:00+00:00"
    there = "dags/linnerud__rollout/runs/manual__2026-11-20T05%3A00%3A00%2B00%3A00"
    assert links.run("https://a.b/", run) == f"https://a.b/{there}"
    assert links.run("", run) == f"/{there}"
    assert links.run(None, run) == ""
    assert links.dag("/base", "linnerud__train") == "/base/dags/linnerud__train"
    assert links.job(JOB) == (
        f"{CONSOLE}/vertex-ai/locations/us-central1/pipelines/runs/duel-1?project=1"
    )
    assert links.endpoint(ENDPOINT) == (
        f"{CONSOLE}/vertex-ai/locations/us-central1/endpoints/7?project=1"
    )
    assert links.version(ENDPOINT, "linnerud@3").startswith(
        f"{CONSOLE}/vertex-ai/models/locations/us-central1/models/linnerud/versions/3/"
    )
    assert links.stored(REPORT) == (
        f"{CONSOLE}/storage/browser/_details/b/pipelines/1/duel-1/report.html"
    )


@pytest.mark.parametrize(
    "name", ["", "javascript:alert(1)", "https://evil.example/x", "../..", "a/b/c", 'x" onload="y']
)
def test_nothing_for_what_is_not_recognised(name: str) -> None:
    found = [links.run("", name), links.job(name), links.endpoint(name), links.stored(name)]
    found += [links.version(ENDPOINT, name), links.version(name, "linnerud@3")]
    assert found == [""] * 6
