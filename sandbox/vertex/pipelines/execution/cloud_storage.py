"""The calls of the sandbox's Cloud Storage that a job needs, by its JSON API.

Google's client has all of them, but its import would be most of the time in which a job starts.
"""

import json
import mimetypes
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

_TIMEOUT = 20  # seconds


class StorageCallFailed(Exception):
    """Cloud Storage cannot be used; the message is the cause."""


class NotThere(StorageCallFailed):
    """There is no such bucket or object."""


class CloudStorage:
    """The buckets at the base URL `host`. Thread-safe. Each method raises NotThere for a missing
    bucket or object, StorageCallFailed, and OSError if the local file cannot be used."""

    def __init__(self, host: str) -> None:
        self._host = host
        # Never by way of a proxy: the host is on this machine.
        self._open = build_opener(ProxyHandler({})).open

    def require(self, bucket: str) -> None:
        """Do nothing if the bucket exists."""
        with self._call("GET", f"{self._host}/storage/v1/b/{_part(bucket)}"):
            pass

    def names(self, bucket: str, prefix: str) -> list[str]:
        """The names of the objects that begin with `prefix`. The sandbox lists all at once."""
        query = urlencode({"prefix": prefix})
        with self._call("GET", f"{self._host}/storage/v1/b/{_part(bucket)}/o?{query}") as response:
            return [item["name"] for item in json.load(response).get("items", ())]

    def download(self, bucket: str, name: str, target: Path) -> None:
        """Write the content of an object to `target`."""
        url = f"{self._host}/download/storage/v1/b/{_part(bucket)}/o/{_part(name)}?alt=media"
        with self._call("GET", url) as response, target.open("wb") as file:
            shutil.copyfileobj(response, file)
            if response.length:
                raise OSError(f"{response.length} bytes are missing")

    def upload(self, bucket: str, name: str, source: Path) -> None:
        """Write the file `source` to an object, whose type follows from the file's name."""
        kind = mimetypes.guess_type(source)[0] or "application/octet-stream"
        query = urlencode({"uploadType": "resumable", "name": name})
        begin = f"{self._host}/upload/storage/v1/b/{_part(bucket)}/o?{query}"
        headers = {"X-Upload-Content-Type": kind, "Content-Length": "0"}
        with self._call("POST", begin, headers) as response:
            session = response.headers["Location"]
        headers = {"Content-Type": kind, "Content-Length": str(source.stat().st_size)}
        with source.open("rb") as file, self._call("PUT", session, headers, file):
            pass

    @contextmanager
    def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: BinaryIO | None = None,
    ) -> Iterator[Any]:
        """The response, while it is read."""
        request = Request(url, body, dict(headers or {}), method=method)
        try:
            with self._open(request, timeout=_TIMEOUT) as response:
                yield response
        except HTTPError as error:
            error.close()
            kind = NotThere if error.code == 404 else StorageCallFailed
            raise kind(f"{method} {url} was answered with {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise StorageCallFailed(f"{method} {url}: {error}") from None


def _part(name: str) -> str:
    return quote(name, safe="")
