"""The bodies of requests: how large, in which encoding and of which type they may be."""

import gzip
import io
import zlib
from typing import Final
from urllib.parse import unquote_plus

from starlette.requests import Request

from sandbox.vertex.http.errors import InvalidArgument

LARGEST_BODY: Final = 10_485_760
"""Bytes, packed and unpacked: Google's limit where none is written down for a method."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


async def read_body(request: Request) -> bytes:
    """The body as it was sent; raises InvalidArgument for more than LARGEST_BODY."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def unpack(body: bytes, encoding: str | None) -> bytes:
    """The body without its Content-Encoding, of which gzip is known.

    Raises InvalidArgument for any other, for what is not whole, and for more than LARGEST_BODY;
    never is more than that unpacked.
    """
    match (encoding or "identity").strip().lower():
        case "identity":
            return body
        case "gzip" | "x-gzip":
            pass
        case _:
            raise InvalidArgument(
                f"Content-Encoding {encoding!r} is not known here; send the body as it is, or gzip."
            )
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            unpacked = file.read(LARGEST_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidArgument(
            f"The body is not what its Content-Encoding gzip says ({error}); send it whole."
        ) from error
    if len(unpacked) > LARGEST_BODY:
        raise _too_large()
    return unpacked


def require_json(content_type: str | None, body: bytes) -> None:
    """Raise InvalidArgument unless the body is said to be JSON, or is empty.

    curl says of its own that what it sends is a form, of which Google's front end makes query
    parameters: such a call fails there, with the message that is given here.
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
            "Field could not be found in request message: the body came as a form; send it with "
            f"the header Content-Type: {_JSON}."
        )
    said = f"Unsupported content with type: {kind}" if kind else "The content has no type"
    raise InvalidArgument(f"{said}; send JSON with the header Content-Type: {_JSON}.")


def _too_large() -> InvalidArgument:
    return InvalidArgument(
        f"Request payload size exceeds the limit: {LARGEST_BODY} bytes; send less."
    )
