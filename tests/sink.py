"""An incoming webhook on this machine: what was posted to it, and answers of every bad kind."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Long enough to be unmistakable, shaped as Slack's are.
SECRET = "/".join(("T0TITLEHOLDER", "B0TESTS", "hush4this2is6a8secret"))


class Sink:
    """What came in. `answer` is the status of the answers from now on; `hangs` holds them back."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/services/{SECRET}"
        self.posted: list[tuple[str, Any]] = []
        self.answer = 200
        self.location = ""
        self.hangs = False
        self.let_go = threading.Event()

    @property
    def texts(self) -> list[str]:
        """The messages, oldest first."""
        return [body["text"] for _, body in self.posted]

    def titles(self) -> list[str]:
        """What the messages are about: `challenger seated`."""
        return [text.split("*")[1].split(": ", 1)[1] for text in self.texts]


@contextmanager
def sink() -> Iterator[Sink]:
    """A sink for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            into.posted.append((self.path, json.loads(body)))
            if into.hangs:
                into.let_go.wait(60)
                return
            self.send_response(into.answer)
            if into.location:
                self.send_header("Location", into.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    into = Sink(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield into
    finally:
        into.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
