"""Read masks of List calls: the fields of an item that the response has."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from google.protobuf import field_mask_pb2, struct_pb2

from sandbox.vertex.http.errors import InvalidArgument

T = TypeVar("T")

_STRUCT = struct_pb2.Struct.DESCRIPTOR


def masked(items: Sequence[T], paths: Sequence[str], descriptor: Any) -> list[T]:
    """Copies of the items with these fields alone.

    `items` are messages of proto-plus with that descriptor. A path may go on into a Struct, as
    `pipeline_spec.pipeline_info` does in the SDK's `PipelineJob.list(enable_simple_view=True)`: the
    rest are keys, which JSON has in camel case and a mask in snake case. Raises InvalidArgument
    for unknown fields.
    """
    plain = field_mask_pb2.FieldMask()
    inside: list[tuple[list[str], list[str]]] = []
    unknown = []
    for path in paths:
        fields, keys = _split(path, descriptor)
        if keys:
            inside.append((fields, keys))
        elif field_mask_pb2.FieldMask(paths=[path]).IsValidForDescriptor(descriptor):
            plain.paths.append(path)
        else:
            unknown.append(path)
    if unknown:
        raise InvalidArgument(f"read_mask names unknown fields: {', '.join(unknown)}.")
    return [_copy(item, plain, inside) for item in items]


def _split(path: str, descriptor: Any) -> tuple[list[str], list[str]]:
    """The fields up to a Struct, and the keys below it, which are empty if there is none."""
    names = path.split(".")
    for depth, name in enumerate(names, 1):
        field = descriptor.fields_by_name.get(name)
        descriptor = field.message_type if field and not field.is_repeated else None
        if descriptor is None:
            break
        if descriptor.full_name == _STRUCT.full_name:
            return names[:depth], names[depth:]
    return names, []


def _copy(item: T, plain: field_mask_pb2.FieldMask, inside: list[tuple[list[str], list[str]]]) -> T:
    kind: Any = type(item)
    part: Any = kind()
    plain.MergeMessage(kind.pb(item), kind.pb(part))
    for fields, keys in inside:
        source, target = kind.pb(item), kind.pb(part)
        for name in fields:
            source, target = getattr(source, name), getattr(target, name)
        _merge(source, target, keys)
    return part  # type: ignore[no-any-return]


def _merge(source: struct_pb2.Struct, target: struct_pb2.Struct, keys: list[str]) -> None:
    for key in _spellings(keys[0]):
        if key in source.fields:
            if not keys[1:]:
                target.fields[key].CopyFrom(source.fields[key])
            elif source.fields[key].HasField("struct_value"):
                _merge(source.fields[key].struct_value, target.fields[key].struct_value, keys[1:])
            return


def _spellings(key: str) -> Iterator[str]:
    yield key
    first, *rest = key.split("_")
    yield first + "".join(part.capitalize() for part in rest)
