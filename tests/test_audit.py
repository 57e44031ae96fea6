"""The audit of the locked packages: what it finds, and that it does not pretend."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.audit import main, unpinned


@contextmanager
def service(answer: Callable[[Any], Any]) -> Iterator[str]:
    """A service that answers as OSV does, at this address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer(asked)).encode())

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


def test_what_is_installed_here_can_be_trusted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--offline"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["a>=1", "a", "a==1.*", "a @ https://evil.example/a.whl", "-e .", "./a.whl", "a==1,<2"]
)
def test_what_is_not_pinned_is_told(line: str) -> None:
    assert len(list(unpinned(f"# a lock\nb==2\n    # via c\n{line}\n"))) == 1


def test_a_known_vulnerability_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(asked: Any) -> Any:
        names = [one["package"]["name"] for one in asked["queries"]]
        assert {"scikit-learn", "joblib"} < set(names)
        assert all(one["version"] for one in asked["queries"])
        bad = [{"vulns": [{"id": "PYSEC-1"}]} if name == "joblib" else {} for name in names]
        return {"results": bad}

    with service(answer) as address:
        assert main(["--service", address]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("joblib==")
    assert said.err.endswith(": PYSEC-1\n")
    assert said.out == ""

    with service(lambda asked: {"results": [{} for _ in asked["queries"]]}) as address:
        assert main(["--service", address]) == 0
    assert "without a known vulnerability" in capsys.readouterr().out


def test_a_service_that_cannot_be_asked_is_no_clean_bill(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with service(lambda _: {"error": "no"}) as gone:
        assert main(["--service", gone]) == 2
    assert main(["--service", gone]) == 2
    said = capsys.readouterr()
    assert said.err.count("not audited: ") == 2
    assert said.out == ""
