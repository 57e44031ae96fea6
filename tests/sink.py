"""A local webhook that records requests and can answer with errors, redirects or not at all."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# In the form of Slack's secrets, and long enough to be found in logs.
SECRET = "/".join(("T0TITLEHOLDER", "B0TESTS", "hush4this2is6a8secret"))


class Sink:
    """The requests so far. `answer` is the status of the next answers; `hangs` delays them."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/services/{SECRET}"
        self.posted: list[tuple[str, Any]] = []
        self.answer = 200
        self.location = ""
        self.hangs = False
        self.released = threading.Event()

    @property
    def texts(self) -> list[str]:
        """The messages, oldest first."""
        return [body["text"] for _, body in self.posted]

    def titles(self) -> list[str]:
        """The titles of the messages, such as `challenger deployed`."""
        return [text.split("*")[1].split(": ", 1)[1] for text in self.texts]


@contextmanager
def sink() -> Iterator[Sink]:
    """A running webhook."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.posted.append((self.path, json.loads(body)))
            if webhook.hangs:
                webhook.released.wait(60)
                return
            self.send_response(webhook.answer)
            if webhook.location:
                self.send_header("Location", webhook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    webhook = Sink(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield webhook
    finally:
        webhook.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
