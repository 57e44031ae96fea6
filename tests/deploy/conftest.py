"""An environment to deploy to: its bucket in the sandbox's Cloud Storage, and the smallest Cloud
Composer that Google's own client can talk to."""

import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from deploy import __main__ as command
from deploy import airflow
from deploy import composer as api
from deploy.bucket import Bucket
from tests.conftest import REPOSITORY, Sandbox

NUMBERS = itertools.count(1)
PROJECT, LOCATION = "titleholder-local", "us-central1"
NAME = f"projects/{PROJECT}/locations/{LOCATION}/environments/production"


@dataclass
class FakeComposer:
    """Answers the three methods that a deployment calls. `rows` is what an Airflow command prints,
    by its subcommand; an error is (HTTP code, status)."""

    bucket: str
    image: str = "composer-3-airflow-3.3.1-build.4"
    state: str = "RUNNING"
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    error: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name, _, verb = path.removeprefix("/v1/").partition(":")
        if name != NAME:
            return 404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "not found"}}
        if not verb:
            return 200, {
                "name": name,
                "state": self.state,
                "config": {
                    "dagGcsPrefix": f"gs://{self.bucket}/dags",
                    "softwareConfig": {"imageVersion": self.image},
                },
            }
        if self.error is not None:
            code, status = self.error
            return code, {"error": {"code": code, "status": status, "message": "not allowed"}}
        if verb == "executeAirflowCommand":
            self.asked.append(" ".join([body["command"], body["subcommand"], *body["parameters"]]))
            return 200, {"executionId": body["subcommand"], "pod": "p", "podNamespace": "n"}
        # The first page has what is logged before the answer, as Composer's pods do.
        if body["nextLineNumber"] == 1:
            return 200, {"output": [{"lineNumber": 1, "content": "[2026-11-25] WARNING - told"}]}
        assert body["nextLineNumber"] == 2
        text = json.dumps(self.rows.get(body["executionId"], []), indent=1)
        lines = [
            {"lineNumber": number, "content": line}
            for number, line in enumerate(text.splitlines(), 2)
        ]
        return 200, {"output": lines, "outputEnd": True, "exitInfo": {"exitCode": 1}}

    def parsed(self, at: datetime) -> None:
        """Airflow parsed the example's DAGs then."""
        self.rows["list"] = [
            {"dag_id": f"linnerud__{kind}", "last_parsed_time": str(at)}
            for kind in ("train", "rollout")
        ]


@pytest.fixture
def composer(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeComposer]:
    """An environment with an empty bucket, whose Airflow parses at once."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    made = client(sandbox).create_bucket(f"us-central1-production-{next(NUMBERS)}-bucket")
    fake = FakeComposer(made.name)
    fake.parsed(datetime.now(UTC) + timedelta(days=1))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*fake.answer(self.path.partition("?")[0], {}))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            self._send(*fake.answer(self.path.partition("?")[0], body))

        def _send(self, code: int, answer: dict[str, Any]) -> None:
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
        monkeypatch.setenv("COMPOSER_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        yield fake
        server.shutdown()
        thread.join()


def client(sandbox: Sandbox) -> storage.Client:
    """Somebody else's, to look into the bucket and to change it."""
    return storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["STORAGE_EMULATOR_HOST"]},
    )


@pytest.fixture
def bucket(composer: FakeComposer, sandbox: Sandbox) -> storage.Bucket:
    """The environment's, as somebody else sees it."""
    return client(sandbox).bucket(composer.bucket)


@pytest.fixture
def listed(composer: FakeComposer) -> Bucket:
    """The environment's, as a deployment sees it."""
    return Bucket(composer.bucket, PROJECT, AnonymousCredentials())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is deployed, to change; of the package only a few files."""
    made = tmp_path / "checkout"
    for folder in ("dags", "pipeline/compiled"):
        shutil.copytree(
            REPOSITORY / folder, made / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    (made / "plugins/titleholder").mkdir(parents=True)
    for name in (".airflowignore", "titleholder/__init__.py", "titleholder/config.py"):
        shutil.copy(REPOSITORY / "plugins" / name, made / "plugins" / name)
    return made


@dataclass
class Deploy:
    """`python -m deploy`, without waiting for Composer's sync."""

    checkout: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *more: str, code: int = 0) -> str:
        """What it prints on stdout, or on stderr when it is refused."""
        arguments = ["--project", PROJECT, "--location", LOCATION, "--environment", "production"]
        self.capsys.readouterr()
        got = command.main([*arguments, "--settle", "0", "--repository", str(self.checkout), *more])
        said = self.capsys.readouterr()
        assert got == code, said
        return said.err if code else said.out


@pytest.fixture
def deploy(
    composer: FakeComposer,
    checkout: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Deploy:
    monkeypatch.setattr(airflow, "PATIENCE", timedelta(0))
    monkeypatch.setattr(api, "BETWEEN", 0)
    return Deploy(checkout, capsys)
