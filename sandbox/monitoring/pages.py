"""Pages of list calls, by a token with an offset. No I/O."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

from sandbox.monitoring.errors import InvalidArgument

T = TypeVar("T")


def page(items: Sequence[T], request: Any, query: str, most: int) -> tuple[list[T], str]:
    """The items of the requested page, and the token of the next one, "" after the last.

    `query` is what must be the same for all pages. A page has `most` items, or fewer if the
    request's page_size says so. Raises InvalidArgument for a token of another query.
    """
    size = request.page_size if 0 < request.page_size <= most else most
    mark = hashlib.sha256(query.encode()).hexdigest()[:8]
    start = _offset(request.page_token, mark)
    end = start + size
    token = base64.urlsafe_b64encode(f"{mark}:{end}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), token


def _offset(token: str, mark: str) -> int:
    if not token:
        return 0
    try:
        sent, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
        if sent == mark and offset.isdecimal():
            return int(offset)
    except (ValueError, binascii.Error):
        pass
    raise InvalidArgument(
        "Invalid pageToken: send the one of the last response to the same request."
    )
