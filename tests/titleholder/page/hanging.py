"""A server in place of Google that accepts every request and answers none before the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hanging:
    """The server at `url`; `asked` are the paths of its requests, `asked_first` is set with the
    first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.asked_first = threading.Event()
        self.over = threading.Event()


@contextmanager
def hanging() -> Iterator[Hanging]:
    """Requests that still wait at the end fail with 403, which no client retries."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found.asked.append(self.path)
            found.asked_first.set()
            found.over.wait()
            try:
                self.send_error(403)
            except OSError:
                return  # The client has disconnected.

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Hanging(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield found
        finally:
            found.over.set()
            server.shutdown()
            thread.join()
