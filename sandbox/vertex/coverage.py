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
from sandbox.vertex.routes import SERVICES, VARIABLE, Route, routes_of_services

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "sandbox-coverage.md"
_COMMON: Final = "Operations, locations, policies (part of every service)"
_TITLES: Final = {name: name.replace("_", " ").capitalize() for name in SERVICES}
_OUT_OF_SCOPE: Final = """\
## Out of scope

| what | why |
| --- | --- |
| every other service of Vertex AI (training and custom jobs, batch prediction, datasets, \
feature store, metadata, experiments, tuning, generative models): 404 | nothing in a rollout \
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


async def supported() -> frozenset[str]:
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
            for route in _first_routes().values():
                answer = await client.request(route.http_method, _path(route))
                if answer.status_code != 501:
                    found.add(route.rpc)
    return frozenset(found)


def render(have: Iterable[str]) -> str:
    """The page, for a server that has these methods."""
    have = frozenset(have)
    groups: dict[str, dict[str, Route]] = {title: {} for title in (*_TITLES.values(), _COMMON)}
    everywhere = _in_every_service()
    for route in routes_of_services():
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
        count = sum(rpc in have for rpc in routes)
        lines += [
            f"## {title}: {count} of {len(routes)}",
            "",
            "| method | first path | |",
            "| --- | --- | --- |",
        ]
        for rpc, route in sorted(routes.items(), key=lambda one: (one[0] not in have, one[0])):
            uri = VARIABLE.sub(lambda found: found[2], route.uri)
            word = "supported" if rpc in have else "refused with 501"
            lines.append(f"| `{rpc}` | `{route.http_method} {uri}` | {word} |")
        lines.append("")
    return "\n".join([*lines, _OUT_OF_SCOPE])


def _first_routes() -> dict[str, Route]:
    first: dict[str, Route] = {}
    for route in routes_of_services():
        first.setdefault(route.rpc, route)
    return first


def _in_every_service() -> frozenset[str]:
    services: dict[str, set[str]] = {}
    for route in routes_of_services():
        services.setdefault(route.rpc, set()).add(route.service)
    return frozenset(rpc for rpc, where in services.items() if len(where) == len(SERVICES))


def _path(route: Route) -> str:
    uri = VARIABLE.sub(lambda found: found[2], route.uri)
    uri = uri.replace("projects/*", f"projects/{PROJECT_NUMBER}")
    return uri.replace("**", "x").replace("*", "x")


if __name__ == "__main__":
    sys.exit(main())
