"""The local Vertex AI without a socket: half of what a call over one costs is the socket's.

All else is as over HTTP: Google's client writes the request and reads the answer.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from tests.rollouts.actors import gate
from tests.sandbox.conftest import Vertex


class DirectVertex(Vertex):
    """A server that answers in the caller's thread, too; one caller at a time."""

    def start(self) -> None:
        self.app = self._start()
        self.loop = asyncio.new_event_loop()
        self._start = lambda: self.app
        super().start()
        self._clients: dict[Any, Any] = {
            type(one): self._led(one) for one in (self.endpoints, self.models)
        }

    def client(self, kind: Any) -> Any:
        """A client of that kind, always the same: to make one takes as long as some calls."""
        return self._clients[kind]

    def stop(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        super().stop()

    def _led(self, client: Any) -> Any:
        session = client.transport._session
        session.send = gate(self.answer)
        session.trust_env = False  # Else proxies and passwords are looked for in every call.
        return client

    def answer(self, request: requests.PreparedRequest) -> requests.Response:
        """As requests.Session.send, without what a test has no use for."""
        url = urlsplit(request.url or "")
        body = request.body or b""
        headers = {**request.headers, "host": url.netloc}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(url.path),
            "raw_path": url.path.encode(),
            "root_path": "",
            "query_string": url.query.encode(),
            "headers": [(k.lower().encode(), _bytes(v)) for k, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": (url.hostname, url.port),
        }
        messages = [{"type": "http.request", "body": _bytes(body), "more_body": False}]
        response = requests.Response()
        response.request, response.url = request, request.url or ""
        content = b""

        async def receive() -> dict[str, Any]:
            if not messages:
                await asyncio.Event().wait()  # Nobody hangs up.
            return messages.pop()

        async def send(message: dict[str, Any]) -> None:
            nonlocal content
            if message["type"] == "http.response.start":
                response.status_code = message["status"]
                response.headers = CaseInsensitiveDict(
                    {k.decode(): v.decode() for k, v in message["headers"]}
                )
            content += message.get("body", b"")

        self.loop.run_until_complete(self.app(scope, receive, send))
        response._content = content
        return response


async def here(work: Callable[..., Any], *arguments: Any) -> Any:
    """In place of the server's run_in_threadpool."""
    return work(*arguments)


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()
