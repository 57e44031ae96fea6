"""`python -m sandbox.vertex.coverage`: writes docs/sandbox-coverage.md from what a server answers.

Every method in the route tables of Google's client library is called once, on a server without
state: one that answers "not in the sandbox" is refused there, every other one is supported.
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

from sandbox.vertex.app import PROJECT_NUMBER, create_app
from sandbox.vertex.http.routes import SERVICES, VARIABLE, Route, other_services, routes_of

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "sandbox-coverage.md"
Method = tuple[str, str]
"""A service and a method of it, as Python writes them."""
_COMMON: Final = "Operations, locations, policies (part of every service)"
_TITLES: Final = {name: name.replace("_", " ").capitalize() for name in SERVICES}
_OUT_OF_SCOPE: Final = """\
## Out of scope

| what | why |
| --- | --- |
| every other service of Vertex AI (training and custom jobs, batch prediction, datasets, \
feature store, metadata, experiments, tuning, generative models) | nothing in a rollout \
calls them; a pipeline's own components do the training |
| `v1beta1`: 501 | its methods change without notice; the clients that people ship with use `v1` |
| gRPC | one machine has no use for it, and every client of Google's has a REST transport |
| explanations, raw and streaming prediction | they need the container's own server, and the \
sandbox runs the model without one |
| private and dedicated endpoints, networks, customer-managed keys, shared resource pools | they \
say who reaches an endpoint and on whose machines; here it is loopback and this machine |
| IAM: policies, permissions, service accounts | there are no credentials to check |
| quotas and their 429 | ask for one as a fault instead |
| changing replicas of what is deployed, autoscaling | there are no replicas |
| copying and exporting models | there is one project and one place |
| `?fields=` (partial responses) | no client library sends it |
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the page; with --check say whether it is up to date, 1 if it is not."""
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
    """The methods that a server has, by asking it for each."""
    found = set()
    with tempfile.TemporaryDirectory() as home:
        # Nothing is ever fetched from this storage: no endpoint or model is there to ask for.
        app = create_app(Path(home), "coverage", "http://127.0.0.1:9")
        assert isinstance(app, Starlette)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            for method, route in _first_routes([*SERVICES, *other_services()]).items():
                answer = await client.request(route.http_method, _path(route))
                if answer.status_code != 501:
                    found.add(method)
    return frozenset(found)


def render(have: Iterable[Method]) -> str:
    """The page, for a server that has these methods."""
    have = frozenset(have)
    groups: dict[str, dict[str, Route]] = {title: {} for title in (*_TITLES.values(), _COMMON)}
    everywhere = _in_every_service()
    for route in routes_of(SERVICES):
        title = _COMMON if route.rpc in everywhere else _TITLES[route.service]
        groups[title].setdefault(route.rpc, route)
    lines = [
        "# What of Vertex AI the sandbox has",
        "",
        "Made by `python -m sandbox.vertex.coverage` from the route tables of Google's client "
        "library and from what a server answers to each; a test keeps it true. A method that is "
        "refused answers 501 (UNIMPLEMENTED) and names itself.",
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
    for service, rpc in _first_routes(other_services()):
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


def _first_routes(services: Iterable[str]) -> dict[Method, Route]:
    first: dict[Method, Route] = {}
    for route in routes_of(services):
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
