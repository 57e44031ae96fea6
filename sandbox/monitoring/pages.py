"""Pages of list calls, by a token with an offset. No I/O."""

import hashlib
import re
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
    mark = hashlib.sha256(query.encode()).hexdigest()[:16]
    token = re.fullmatch(rf"{mark}-(\d{{1,18}})", request.page_token, re.ASCII)
    if request.page_token and not token:
        raise InvalidArgument(
            "Invalid pageToken: send the one of the last response to the same request."
        )
    start = int(token[1]) if token else 0
    end = start + size
    return list(items[start:end]), f"{mark}-{end}" if end < len(items) else ""
