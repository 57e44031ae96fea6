"""A server of the standard library only: it starts in a tenth of the time of a real one.

The artifact's `constant.json` is the prediction for every instance. If that is a list, instances
other than three numbers are refused. BEHAVIOUR makes it deviate from the container contract:

- `wait-load`, `wait-predict`: it writes the file `reached` into the folder GATE, and goes on when
  there is a file `opened`;
- `unhealthy`, `crash`, `killed`, `other-port`: it never starts as it should;
- `sick`: its health probe fails once there is a file `sick` in GATE;
- `talks`: it prints 700 kB between `first words` and the variable LAST_WORDS;
- `dies`: the process ends at the 100th request;
- `poison`: the process ends if an instance is the text `poison`;
- `mirror`: each prediction is its instance, beside the parameters;
- `streams`, `breaks-off`: it responds in chunks, the second when there is `opened` in GATE, and the
  latter never ends its response;
- `text`, `error`, `unavailable`, `refuse`, `too-many`, `no-list`, `nan`: what it responds;
- `echo`: it responds with path, content type and body of the request.
"""

import json
import os
import signal
import sys
import threading
import time
import urllib.parse
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BEHAVIOUR = os.environ.get("BEHAVIOUR", "")
GATE = Path(os.environ.get("GATE", "."))
WITHOUT_ARTIFACT = ("echo", "mirror", "streams", "breaks-off")
COUNT = iter(range(1, 1_000_000))


def artifact(name: str) -> bytes:
    """The content of a file directly under AIP_STORAGE_URI."""
    bucket, _, folder = os.environ["AIP_STORAGE_URI"].removeprefix("gs://").partition("/")
    path = urllib.parse.quote(f"{folder}/{name}", safe="")
    host = urllib.parse.urlsplit(os.environ["STORAGE_EMULATOR_HOST"]).netloc
    connection = HTTPConnection(host)
    connection.request("GET", f"/storage/v1/b/{bucket}/o/{path}?alt=media")
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        sys.exit(f"{name} cannot be read: {response.status}")
    return content


def wait(where: str) -> None:
    """Wait at the gate if this is where the behaviour says so."""
    if f"wait-{where}" == BEHAVIOUR:
        (GATE / "reached").touch()
        while not (GATE / "opened").exists():
            time.sleep(0.01)


def is_row(instance: object) -> bool:
    """Whether an instance is a list of three numbers."""
    return (
        isinstance(instance, list)
        and len(instance) == 3
        and all(isinstance(value, int | float) for value in instance)
    )


class Handler(BaseHTTPRequestHandler):
    """Health and predictions."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet

    def do_GET(self) -> None:
        healthy = self.path == os.environ["AIP_HEALTH_ROUTE"] and BEHAVIOUR != "unhealthy"
        if BEHAVIOUR == "sick" and (GATE / "sick").exists():
            healthy = False
        self.answer(200 if healthy else 404, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if BEHAVIOUR == "dies" and next(COUNT) == 100:
            os._exit(3)
        wait("predict")
        if BEHAVIOUR in ("streams", "breaks-off"):
            self.stream()
            return
        if BEHAVIOUR == "echo":
            fields = [self.path, self.headers["Content-Type"], body.decode("latin-1")]
            self.answer(200, json.dumps(fields).encode())
            return
        try:
            instances = list(json.loads(body)["instances"])
        except (ValueError, KeyError, TypeError):
            self.answer(400, b'{"error": "Prediction failed: there are no instances."}')
            return
        for instance in instances:
            if BEHAVIOUR == "poison" and instance == "poison":
                os._exit(3)
            if isinstance(VALUE, list) and not is_row(instance):
                error = {"error": f"Prediction failed: {instance} cannot be predicted."}
                self.answer(400, json.dumps(error).encode())
                return
        predictions = [VALUE for _ in instances]
        match BEHAVIOUR:
            case "text":
                self.answer(200, b"hello", "text/plain")
            case "error":
                self.answer(500, b'{"error": "the disk is full"}')
            case "unavailable":
                self.answer(503, b"too busy", "text/plain")
            case "refuse":
                self.answer(422, b'{"detail": "not these"}')
            case "too-many":
                self.answer(200, json.dumps({"predictions": [*predictions, 1]}).encode())
            case "mirror":
                sent = json.loads(body).get("parameters")
                found = [{"instance": one, "parameters": sent} for one in instances]
                self.answer(200, json.dumps({"predictions": found}).encode())
            case "no-list":
                self.answer(200, b'{"predictions": 3}')
            case "nan":
                self.answer(200, b'{"predictions": [NaN]}')
            case _:
                self.answer(200, json.dumps({"predictions": predictions}).encode())

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\r\nfirst\n\r\n")
        self.wfile.flush()
        while not (GATE / "opened").exists():
            time.sleep(0.01)
        self.wfile.write(b"7\r\nsecond\n\r\n")
        if BEHAVIOUR == "streams":
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        self.close_connection = BEHAVIOUR != "streams"

    def answer(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


wait("load")
if BEHAVIOUR == "crash":
    sys.exit("cannot find the model's weights")
if BEHAVIOUR == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if BEHAVIOUR == "talks":
    print("first words\n", f"{'word ' * 20}\n" * 7000, os.environ["LAST_WORDS"])
VALUE = json.loads(artifact("constant.json")) if BEHAVIOUR not in WITHOUT_ARTIFACT else None
PORT = 0 if BEHAVIOUR == "other-port" else int(os.environ["AIP_HTTP_PORT"])
ThreadingHTTPServer.request_queue_size = 128
SERVER = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
print(f"serving on {SERVER.server_port}", flush=True)
threading.Thread(target=SERVER.serve_forever, args=(3600,)).start()  # polls for shutdown() only
