"""`python -m sandbox.vertex.coverage`: write docs/reference/sandbox-coverage.md from responses.

Every method in the route tables of Google's client library is called once, on a server without
state: a method that responds with 501 is refused, any other one is supported.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx
from starlette.applications import Starlette

from sandbox.state import PROJECT_NUMBER
from sandbox.vertex.app import create_app
from sandbox.vertex.cloud.routes import cloud_routes
from sandbox.vertex.http.routes import SERVICES, VARIABLE, Route, other_services, routes_of

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "sandbox-coverage.md"
Method = tuple[str, str]
"""A service and one of its methods, by their Python names."""
_COMMON: Final = "Operations, locations, policies (part of every service)"
_TITLES: Final = {name: name.replace("_", " ").capitalize() for name in SERVICES}
_CLOUD_TITLES: Final = {
    "projects": "Resource Manager, projects",
    "logging_service_v2": "Cloud Logging",
    "metric_service": "Cloud Monitoring, metrics",
}
_OUT_OF_SCOPE: Final = """\
## Out of scope

| what | why |
| --- | --- |
| every other service of Vertex AI (datasets, feature store, metadata, experiments, tuning, \
generative models) | nothing in a rollout calls them |
| training, tuning and labeling: `*_training_pipeline*`, `*_custom_job*`, \
`*_hyperparameter_tuning_job*`, `*_nas_job*`, `*_nas_trial_detail*`, `*_data_labeling_job*` | \
a pipeline's own components do the training |
| model monitoring: `*_model_deployment_monitoring_*` | Titleholder compares models by their own \
results, and Cloud Monitoring has the rest |
| `v1beta1`: 501 | its methods change without notice; released clients use `v1` |
| explanations: `explain`, `update_explanation_dataset` | they need the explanation spec's own \
containers |
| prediction by tensors: `direct_predict`, `direct_raw_predict`, `server_streaming_predict` | they \
are for model servers of gRPC; containers here have HTTP, with `raw_predict`, and with \
`stream_raw_predict` on dedicated endpoints |
| generation: `embed_content`, `generate_content`, `stream_generate_content` | they call \
Google's own models |
| networks, customer-managed keys, shared resource pools | they define network access and \
hardware; here it is loopback and this machine. Private Service Connect gives an \
endpoint the limits of a dedicated one, and has no other effect |
| IAM: policies, permissions, service accounts | there are no credentials to check |
| quotas and their 429 | request one as a fault instead |
| autoscaling | there is no load to follow; its targets are stored |
| exports: `export_model` | it writes an image to a registry, or the files that are in Cloud \
Storage already |
| annotations: `batch_import_evaluated_annotations` | no method returns them |
| every other service of Cloud Monitoring and Cloud Logging (alert policies, dashboards, uptime \
checks, log-based metrics) | nothing in a rollout calls them |
| `?fields=` (partial responses) | no client library sends it |
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the page; with --check only compare it, and return 1 if it is out of date."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.vertex.coverage", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    page = render(asyncio.run(supported()))
    if not options.check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        print(
            f"{PAGE.name} is out of date; run `python -m sandbox.vertex.coverage`", file=sys.stderr
        )
        return 1
    return 0


async def supported() -> frozenset[Method]:
    """The methods that a server supports, found by calling each."""
    found = set()
    with tempfile.TemporaryDirectory() as home:
        # Nothing is fetched from this storage: the server has no endpoints or models.
        app = create_app(Path(home), "coverage", "http://127.0.0.1:9")
        assert isinstance(app, Starlette)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            google = [*routes_of([*SERVICES, *other_services()]), *cloud_routes()]
            for method, route in _first_routes(google).items():
                response = await client.request(route.http_method, _path(route))
                if response.status_code != 501:
                    found.add(method)
    return frozenset(found)


def render(methods: Iterable[Method]) -> str:
    """The page for a server that supports these methods."""
    have = frozenset(methods)
    titles = (*_TITLES.values(), _COMMON, *_CLOUD_TITLES.values())
    groups: dict[str, dict[str, Route]] = {title: {} for title in titles}
    everywhere = _in_every_service()
    for route in routes_of(SERVICES):
        title = _COMMON if route.rpc in everywhere else _TITLES[route.service]
        groups[title].setdefault(route.rpc, route)
    for route in cloud_routes():
        if route.rpc not in everywhere:
            groups[_CLOUD_TITLES[route.service]].setdefault(route.rpc, route)
    lines = [
        "# Methods of Vertex AI in the sandbox",
        "",
        "Generated by `python -m sandbox.vertex.coverage` from the route tables of Google's client "
        "libraries and from a server's responses; a test checks that it is up to date. A refused "
        "method responds with 501 (UNIMPLEMENTED) and its name.",
        "",
    ]
    for title, routes in groups.items():
        count = sum((route.service, rpc) in have for rpc, route in routes.items())
        lines += [
            f"## {title}: {count} of {len(routes)}",
            "",
            "| method | first path | |",
            "| --- | --- | --- |",
        ]
        rows = [((route.service, rpc) not in have, rpc, route) for rpc, route in routes.items()]
        for refused, rpc, route in sorted(rows, key=lambda row: row[:2]):
            uri = VARIABLE.sub(lambda found: found[2], route.uri)
            word = "refused with 501" if refused else "supported"
            lines.append(f"| `{rpc}` | `{route.http_method} {uri}` | {word} |")
        lines.append("")
    return "\n".join([*lines, *_others(have, everywhere), _OUT_OF_SCOPE])


def _others(have: frozenset[Method], everywhere: frozenset[str]) -> list[str]:
    services: dict[str, list[str]] = {}
    for service, rpc in _first_routes(routes_of(other_services())):
        if rpc not in everywhere:
            services.setdefault(service, []).append(rpc)
    counts = {
        service: sum((service, rpc) in have for rpc in rpcs) for service, rpcs in services.items()
    }
    total = sum(len(rpcs) for rpcs in services.values())
    return [
        f"## Every other service: {sum(counts.values())} of {total}",
        "",
        "| service | supported | methods |",
        "| --- | --- | --- |",
        *(
            f"| {service.replace('_', ' ').capitalize()} | {counts[service]} of {len(rpcs)} | "
            f"{', '.join(f'`{rpc}`' for rpc in sorted(rpcs))} |"
            for service, rpcs in services.items()
        ),
        "",
    ]


def _first_routes(routes: Iterable[Route]) -> dict[Method, Route]:
    first: dict[Method, Route] = {}
    for route in routes:
        first.setdefault((route.service, route.rpc), route)
    return first


def _in_every_service() -> frozenset[str]:
    services: dict[str, set[str]] = {}
    for route in routes_of(SERVICES):
        services.setdefault(route.rpc, set()).add(route.service)
    return frozenset(rpc for rpc, where in services.items() if len(where) == len(SERVICES))


def _path(route: Route) -> str:
    uri = VARIABLE.sub(lambda found: found[2], route.uri)
    uri = uri.replace("projects/*", f"projects/{PROJECT_NUMBER}")
    return uri.replace("**", "x").replace("*", "x")


if __name__ == "__main__":
    sys.exit(main())
