"""The placeholders `{{$...}}` that the compiler writes into constants, as for f-strings."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.vertex.pipelines.spec.values import Artifact

_PLACEHOLDER = re.compile(r"\{\{(\$[^}]*)\}\}")
_INPUT = re.compile(r"\$\.inputs\.parameters\[(['\"])(.+)\1\]")
_URI = re.compile(r"\$\.inputs\.artifacts\[(['\"])(.+)\1\]\.uri")

# Source: kfp/dsl/__init__.py.
JOB_PLACEHOLDERS = (
    "$.pipeline_job_name",
    "$.pipeline_job_resource_name",
    "$.pipeline_job_uuid",
    "$.pipeline_job_create_time_utc",
    "$.pipeline_job_schedule_time_utc",
    "$.pipeline_root",
    "$.pipeline_task_name",
    "$.pipeline_task_uuid",
)


def unknown_placeholders(constant: Any) -> Iterator[str]:
    """The placeholders in a constant that `resolve` does not support."""
    for text in _strings(constant):
        for match in _PLACEHOLDER.finditer(text):
            known = match[1] in JOB_PLACEHOLDERS or _INPUT.fullmatch(match[1])
            if not known and not _URI.fullmatch(match[1]):
                yield match[0]


def resolve(constant: Any, facts: Mapping[str, str], inputs: Mapping[str, Any]) -> Any:
    """Replace the placeholders in a constant, at any depth.

    Only constants of the compiled spec are resolved: values from run time are data, even if they
    look like placeholders.
    """

    def fill(match: re.Match[str]) -> str:
        if match[1] in facts:
            return facts[match[1]]
        if found := _INPUT.fullmatch(match[1]):
            value = inputs.get(found[2])
            return value if isinstance(value, str) else json.dumps(value)
        if (found := _URI.fullmatch(match[1])) and isinstance(inputs.get(found[2]), Artifact):
            return str(inputs[found[2]].uri)
        return match[0]

    match constant:
        case str():
            return _PLACEHOLDER.sub(fill, constant)
        case list():
            return [resolve(item, facts, inputs) for item in constant]
        case dict():
            return {
                resolve(key, facts, inputs): resolve(item, facts, inputs)
                for key, item in constant.items()
            }
        case _:
            return constant


def _strings(constant: Any) -> Iterator[str]:
    match constant:
        case str():
            yield constant
        case list():
            for item in constant:
                yield from _strings(item)
        case dict():
            for key, item in constant.items():
                yield from _strings(key)
                yield from _strings(item)
