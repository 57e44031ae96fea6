"""The audit of the locked packages."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests import audit
from tests.audit import main, unhashed, unpinned
from tests.conftest import REPOSITORY


@contextmanager
def service(answer: Callable[[Any], Any], code: int = 200) -> Iterator[str]:
    """A service that answers as OSV does, at this address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(answer(request)).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_installed_packages_pass_the_offline_audit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--offline"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["a>=1", "a", "a==1.*", "a @ https://evil.example/a.whl", "-e .", "./a.whl", "a==1,<2"]
)
def test_an_unpinned_requirement_is_found(line: str) -> None:
    assert len(list(unpinned(f"# a lock\nb==2\n    # via c\n{line}\n"))) == 1


def test_a_pin_without_a_hash_is_found() -> None:
    hashed = "a==1 ; x \\\n    --hash=sha256:" + "0" * 64 + "\n    # via b\n"
    assert list(unhashed(f"# a lock\n{hashed}")) == []
    assert list(unhashed(f"{hashed}b==2\n    # via c\n{hashed}")) == [
        "b==2: has no hash; run `make lock`"
    ]


def test_a_known_vulnerability_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: Any) -> Any:
        names = [one["package"]["name"] for one in request["queries"]]
        assert {"scikit-learn", "joblib"} < set(names)
        assert all(one["version"] for one in request["queries"])
        bad = [{"vulns": [{"id": "PYSEC-1"}]} if name == "joblib" else {} for name in names]
        return {"results": bad}

    with service(answer) as address:
        assert main(["--service", address]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("joblib==")
    assert output.err.endswith(": PYSEC-1\n")
    assert output.out == ""

    with service(lambda request: {"results": [{} for _ in request["queries"]]}) as address:
        assert main(["--service", address]) == 0
    assert "without a known vulnerability" in capsys.readouterr().out


def test_a_vulnerability_can_be_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ACCEPTED", {"PYSEC-1": "not used here"})
    found = {"vulns": [{"id": "PYSEC-1"}]}
    with service(lambda request: {"results": [found for _ in request["queries"]]}) as address:
        assert main(["--service", address]) == 0
    found["vulns"].append({"id": "PYSEC-2"})
    with service(lambda request: {"results": [found for _ in request["queries"]]}) as address:
        assert main(["--service", address]) == 1
    assert all(line.endswith(": PYSEC-2") for line in capsys.readouterr().err.splitlines())


def test_an_unreachable_service_is_not_a_passed_audit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with service(lambda _: {}) as unreachable:
        pass
    assert main(["--service", unreachable]) == 2
    assert main(["--service", unreachable, "--or-skip"]) == 0
    with service(lambda _: {}, code=503) as busy:
        assert main(["--service", busy]) == 2
    output = capsys.readouterr()
    first, second, third = output.err.splitlines()
    assert first.startswith(f"not audited: {unreachable} did not answer (")
    assert second.startswith(f"audit skipped: {unreachable} did not answer (")
    assert third.startswith(f"not audited: {busy} answered 503, so it is not known whether")
    assert output.out == ""


@pytest.mark.parametrize(("code", "answer"), [(200, {"error": "no"}), (400, {}), (404, {})])
def test_another_answer_than_osvs_is_an_error(
    code: int, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(lambda _: answer, code) as other:
        assert main(["--service", other, "--or-skip"]) == 1
    assert f"not audited: {other} answered something else than OSV" in capsys.readouterr().err


def test_ci_audits() -> None:
    assert "make audit" in (REPOSITORY / ".ci/run").read_text().splitlines()
