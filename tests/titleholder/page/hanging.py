"""A Google that takes every request and answers none of them before the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hanging:
    """`url` is its address, `asked` what it was asked; `asked_first` is set with the first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.asked_first = threading.Event()
        self.over = threading.Event()


@contextmanager
def hanging() -> Iterator[Hanging]:
    """Whoever still waits at the end is refused, which no client tries again."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found.asked.append(self.path)
            found.asked_first.set()
            found.over.wait()
            try:
                self.send_error(403)
            except OSError:
                return  # Its client has gone.

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

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
