"""Filter, order and pages of list calls; filters.py has the syntax of filters."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.filters import Field, Getter, parse, snake
from sandbox.vertex.http.masks import masked

T = TypeVar("T")

_DEFAULT_PAGE: Final = 100
_MAX_PAGE_SIZE: Final = 1000


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of the items, and the token of the next page, empty at the end."""

    items: list[T]
    next_page_token: str


def list_page(
    items: Sequence[T],
    request: Any,
    fields: Mapping[str, Getter | Field],
    order: Mapping[str, Getter],
) -> Page[T]:
    """The page of `items` that a List request selects.

    `fields` are those that `filter` may compare besides `labels`; a bare getter is a text field
    with `=` and `!=`. `order` are those that `order_by` may name; without it the items stay in
    their order. A `read_mask` keeps only the fields that it names. The request may lack any of
    these fields. Raises InvalidArgument.
    """
    condition = getattr(request, "filter", "")
    order_by = getattr(request, "order_by", "")
    known = {
        name: field if isinstance(field, Field) else Field(field) for name, field in fields.items()
    }
    found = list(filter(parse(condition, known), items))
    for name, descending in reversed(_order(order_by, order)):
        found.sort(key=order[name], reverse=descending)
    size = request.page_size or _DEFAULT_PAGE
    if size < 0:
        raise InvalidArgument(f"page_size is {size}; it must not be negative.")
    size = min(size, _MAX_PAGE_SIZE)
    query = hashlib.sha256(f"{condition}\0{order_by}".encode()).hexdigest()[:8]
    start = _offset(request.page_token, query)
    end = start + size
    token = _token(end, query) if end < len(found) else ""
    return Page(_masked(found[start:end], request), token)


def attributes(*names: str) -> dict[str, Getter]:
    """Getters of attributes, for the fields and orders of `list_page`."""
    return {name: attrgetter(name) for name in names}


def _masked(items: list[T], request: Any) -> list[T]:
    mask = getattr(request, "read_mask", None)
    if not mask or not mask.paths:
        return items
    # Checked without items, too: they are the first field of the response (google.aip.dev/132).
    response: Any = getattr(types, type(request).__name__.replace("Request", "Response"))
    return masked(items, mask.paths, response.pb().DESCRIPTOR.fields_by_number[1].message_type)


def _order(order_by: str, order: Mapping[str, Getter]) -> list[tuple[str, bool]]:
    found = []
    for part in order_by.split(",") if order_by.strip() else ():
        name, _, direction = part.strip().partition(" ")
        name, direction = snake(name), direction.strip().lower() or "asc"
        if name not in order or direction not in ("asc", "desc"):
            raise InvalidArgument(
                f"order_by {order_by!r} is invalid; name {', '.join(order)}, "
                "each with desc or nothing after it, separated by commas."
            )
        found.append((name, direction == "desc"))
    return found


def _token(offset: int, query: str) -> str:
    return base64.urlsafe_b64encode(f"{query}:{offset}".encode()).decode()


def _offset(token: str, query: str) -> int:
    if not token:
        return 0
    try:
        token_query, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
        if token_query == query and offset.isdecimal():
            return int(offset)
    except (ValueError, binascii.Error):
        pass
    raise InvalidArgument(
        "Invalid page_token: send the one of the last response to the same filter and order."
    )
