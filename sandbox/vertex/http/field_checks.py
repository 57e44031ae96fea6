"""Checks of fields that several resources have: labels, names, etags, masks, machines, folders."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf import field_mask_pb2

from sandbox.vertex.http.errors import Aborted, InvalidArgument

# Google allows international letters, too; the sandbox accepts only what is documented exactly.
_LABEL_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS: Final = 64
_FOLDER: Final = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?")


def check_labels(labels: Mapping[str, str], field: str) -> None:
    """Raise InvalidArgument unless the labels are valid (https://goo.gl/xmQnxf)."""
    if len(labels) > _MOST_LABELS:
        raise InvalidArgument(f"{field} has {len(labels)} labels; {_MOST_LABELS} are allowed.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise InvalidArgument(
                f"{field} has the key {key!r}; keys are up to 63 of [a-z0-9_-], letter first."
            )
        if not _LABEL_VALUE.fullmatch(value):
            raise InvalidArgument(f"{field}.{key} is {value!r}; values are up to 63 of [a-z0-9_-].")


def check_display_name(name: str, field: str) -> None:
    """Raise InvalidArgument unless `name` has 1 to 128 characters."""
    if not 1 <= len(name) <= 128:
        raise InvalidArgument(
            f"List of found errors: 1.Field: {field}; "
            f"Message: required, 1 to 128 characters, but it has {len(name)}."
        )


def check_etag(name: str, sent: str, current: str) -> None:
    """Raise Aborted unless the etag that was sent, if any, is the resource's current one."""
    if sent and sent != current:
        raise Aborted(
            f"The etag of {name} does not match: the resource was changed meanwhile; read it again "
            "and repeat the change."
        )


def mask_paths(mask: field_mask_pb2.FieldMask, allowed: Sequence[str], what: str) -> list[str]:
    """The paths of an update mask; raises InvalidArgument if it is empty or has other paths."""
    paths = list(dict.fromkeys(mask.paths))
    if not paths:
        raise InvalidArgument(
            f"updateMask is required: name the fields of {what} to change ({', '.join(allowed)})."
        )
    wrong = [path for path in paths if path not in allowed]
    if wrong:
        raise InvalidArgument(
            f"updateMask names {', '.join(wrong)}, which cannot be changed in {what}; "
            f"these can: {', '.join(allowed)}."
        )
    return paths


def check_machine(machine: Any, field: str) -> None:
    """Raise InvalidArgument for a MachineSpec without a type, or with half an accelerator: it has
    a type, and a count of 1 or more."""
    if not machine.machine_type:
        raise InvalidArgument(
            f"{field}.machine_type is required for a model with a container; send one, such as "
            "n1-standard-2."
        )
    count, kind = machine.accelerator_count, machine.accelerator_type
    if bool(kind) != bool(count) or count < 0:
        raise InvalidArgument(
            f"{field} has the accelerator_type {kind.name} and the accelerator_count {count}; "
            "send both, with a count of 1 or more, or neither."
        )


def check_folder(uri: str, field: str) -> None:
    """Raise InvalidArgument unless `uri` is a bucket, or a folder in one that a mounted bucket can
    show."""
    if not _FOLDER.fullmatch(uri):
        raise InvalidArgument(
            f"{field} {uri!r} is not a path in a Cloud Storage bucket (gs://BUCKET/FOLDER)."
        )
    _, _, name = uri.removeprefix("gs://").rstrip("/").partition("/")
    if any(part in ("", ".", "..") for part in (name.split("/") if name else ())):
        raise InvalidArgument(
            f"{field} {uri!r} has a folder without a name or named `.` or `..`, which a mounted "
            "bucket cannot show; rename it."
        )
