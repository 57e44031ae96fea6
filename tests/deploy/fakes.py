"""Minimal Cloud Build and Artifact Registry, and the HTTP server that Google's clients call."""

import hashlib
import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from google.cloud import storage

Answer = tuple[int, dict[str, Any]]


class Fake(Protocol):
    """A service of Google."""

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer | None:
        """The HTTP status and the body for a request; None for a path of another service."""


def error(code: int, status: str, message: str) -> Answer:
    """Google's form of an error."""
    return code, {"error": {"code": code, "status": status, "message": message}}


@dataclass
class FakeRegistry:
    """Artifact Registry. `versions` are digests by repository, package and tag or digest; `denied`
    are methods that the caller may not call."""

    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[str, str, str], str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    pending: dict[str, dict[str, Any]] = field(default_factory=dict)

    def push(self, image: str, content: bytes) -> str:
        """Store an image `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/NAME:TAG`; its digest."""
        match = re.fullmatch(r"(.+)-docker\.pkg\.dev/([^/]+)/([^/]+)/(.+):(.+)", image)
        assert match is not None, image
        location, project, repository, package, tag = match.groups()
        name = f"projects/{project}/locations/{location}/repositories/{repository}"
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.versions[name, package, tag] = digest
        self.versions[name, package, digest] = digest
        return digest

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer | None:
        match = re.fullmatch(r"/v1/(projects/[^/]+/locations/[^/]+/repositories)(?:/(.+))?", path)
        if match is None:
            return None
        parent, rest = match.groups()
        if rest is None:
            if "create_repository" in self.denied:
                return error(403, "PERMISSION_DENIED", "artifactregistry.repositories.create")
            name = f"{parent}/{query['repositoryId']}"
            # It exists after the first look.
            self.pending[name] = {"name": name, **body}
            return 200, {"name": f"{parent.rpartition('/')[0]}/operations/1", "done": False}
        last, *package = rest.split("/")
        name = f"{parent}/{last}"
        if not package:
            found = self.repositories.get(name)
            if name in self.pending:
                self.repositories[name] = self.pending.pop(name)
            return (200, found) if found else error(404, "NOT_FOUND", "no such repository")
        assert package[0] == "packages"
        if "get_tag" in self.denied:
            return error(403, "PERMISSION_DENIED", "artifactregistry.tags.get")
        digest = self.versions.get((name, package[1].replace("%2F", "/"), package[3]))
        if digest is None:
            return error(404, "NOT_FOUND", "no such image")
        base = f"{name}/packages/{package[1]}"
        version = f"{base}/versions/{digest}"
        if package[2] == "versions":
            return 200, {"name": version}
        return 200, {"name": f"{base}/tags/{package[3]}", "version": version}


@dataclass
class FakeCloudBuild:
    """Cloud Build: a build reads its context when it is first looked at, and pushes its image when
    `statuses` has come to SUCCESS. `refusal` is the answer to each new build."""

    registry: FakeRegistry
    client: storage.Client
    statuses: tuple[str, ...] = ("QUEUED", "WORKING", "SUCCESS")
    detail: str = ""
    pushes: bool = True
    refusal: Answer | None = None
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    contexts: list[bytes] = field(default_factory=list)
    looks: dict[str, Iterator[int]] = field(default_factory=dict)

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer | None:
        match = re.fullmatch(r"/v1/(projects/[^/]+/locations/[^/]+)/builds(?:/(.+))?", path)
        if match is None:
            return None
        parent, build = match.groups()
        if build is None:
            if self.refusal is not None:
                return self.refusal
            self.requests.append((parent, body))
            build = f"build-{len(self.requests)}"
            self.looks[build] = itertools.count()
            kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
            return 200, {
                "name": f"operations/build/{build}",
                "metadata": {"@type": kind, "build": {"id": build}},
            }
        look = next(self.looks[build])
        status = self.statuses[min(look, len(self.statuses) - 1)]
        request = self.requests[int(build.rpartition("-")[2]) - 1][1]
        if look == 0:
            self.contexts.append(self._read(request["source"]["storageSource"]))
        if status == "SUCCESS" and self.pushes:
            for image in request["images"]:
                self.registry.push(image, self.contexts[-1])
        return 200, {
            "name": f"{parent}/builds/{build}",
            "id": build,
            "status": status,
            "logUrl": f"https://console.cloud.google.com/cloud-build/builds/{build}",
            "failureInfo": {"detail": self.detail},
        }

    def _read(self, source: dict[str, Any]) -> bytes:
        blob = self.client.bucket(source["bucket"]).get_blob(source["object"])
        assert str(blob.generation) == str(source["generation"])
        content: bytes = blob.download_as_bytes()
        return content


@contextmanager
def serving(*fakes: Fake) -> Iterator[str]:
    """The base URL of a server of these services."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer(json.loads(self.rfile.read(length)))

        def _answer(self, body: dict[str, Any]) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            answers = (fake.answer(url.path, query, body) for fake in fakes)
            code, answer = next(
                (found for found in answers if found), error(404, "NOT_FOUND", "not found")
            )
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
