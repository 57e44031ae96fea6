"""Request bodies: limits of their size, encoding and content type."""

import gzip
import io
import zlib
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request

from sandbox.vertex.http.errors import InvalidArgument

LARGEST_BODY: Final = 10_485_760
"""Bytes, compressed and decompressed: Google's limit for methods without one of their own."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


async def read_body(request: Request) -> bytes:
    """The body as sent; raises InvalidArgument if it is larger than LARGEST_BODY."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def unpack(body: bytes, encoding: str | None) -> bytes:
    """Decompress the body; the only known Content-Encoding is gzip.

    Raises InvalidArgument for another encoding, for incomplete data, and for more than
    LARGEST_BODY; it never decompresses more than that.
    """
    match (encoding or "identity").strip().lower():
        case "identity":
            return body
        case "gzip" | "x-gzip":
            pass
        case _:
            raise InvalidArgument(
                f"Content-Encoding {encoding!r} is not supported; send the body as it is, or gzip."
            )
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            unpacked = file.read(LARGEST_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidArgument(
            f"The body does not match its Content-Encoding gzip ({error}); send it completely."
        ) from error
    if len(unpacked) > LARGEST_BODY:
        raise _too_large()
    return unpacked


def require_json(content_type: str | None, body: bytes) -> None:
    """Raise InvalidArgument unless the content type is JSON, or the body is empty.

    curl's default content type is a form, which Google's front end converts to query parameters:
    there such a call fails with the message that is used here.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == _JSON or not body.strip():
        return
    if kind == _FORM:
        name = unquote_plus(
            body[:200].partition(b"&")[0].partition(b"=")[0].decode("utf-8", "replace")
        )
        raise InvalidArgument(
            f"Invalid JSON payload received. Unknown name {name!r}: Cannot bind query parameter. "
            "Field could not be found in request message: the body was sent as a form; send it "
            f"with the header Content-Type: {_JSON}."
        )
    error = f"Unsupported content with type: {kind}" if kind else "The content has no type"
    raise InvalidArgument(f"{error}; send JSON with the header Content-Type: {_JSON}.")


def require_declared(content_type: str) -> None:
    """Raise InvalidArgument unless the body has a content type that a web page cannot send to
    another origin by itself."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("", _FORM, "multipart/form-data", "text/plain"):
        raise InvalidArgument(
            f"The content type {kind!r} is not accepted; send the body's own, such as "
            "Content-Type: application/json."
        )


def _too_large() -> InvalidArgument:
    return InvalidArgument(
        f"Request payload size exceeds the limit: {LARGEST_BODY} bytes; send less."
    )
