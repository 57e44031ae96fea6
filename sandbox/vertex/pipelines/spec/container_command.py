"""The command of a container component: the placeholders of kfp/dsl/placeholders.py. No I/O."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.vertex.pipelines.spec.placeholders import JOB_PLACEHOLDERS

MOUNT = "/gcs"
"""Where a container has Cloud Storage, as on Vertex AI."""

_PLACEHOLDER = re.compile(r"\{\{(\$[^}]*)\}\}")
_VALUE = re.compile(
    r"\$\.(?:(inputs)\.(parameters)\[(['\"])([^'\"]+)\3\]()"
    r"|(outputs)\.(parameters)\[(['\"])([^'\"]+)\8\]\.(output_file)"
    r"|(inputs|outputs)\.(artifacts)\[(['\"])([^'\"]+)\13\]\.(uri|path|metadata)"
    r"(?:\[(['\"])(?P<of>[^'\"]+)\16\])?)"
)

# As in kfp's own runner, an optional artifact that is not given is null.
_NO_ARTIFACT = {"uri": "null", "metadata": None}


def unknown_words(words: Iterable[str]) -> Iterator[str]:
    """The placeholders that `fill` does not support."""
    for match in _PLACEHOLDER.finditer("\n".join(words)):
        if match[1] not in ("$", *JOB_PLACEHOLDERS) and not _VALUE.fullmatch(match[1]):
            yield match[0]


def fill(
    words: Iterable[str],
    executor_input: Mapping[str, Any],
    facts: Mapping[str, str],
    mount: str = MOUNT,
) -> list[str]:
    """The words with values for their placeholders.

    `executor_input` is an ExecutorInput of pipeline_spec.proto as JSON, `facts` are the values of
    JOB_PLACEHOLDERS, `mount` is where the command finds Cloud Storage. A word may be JSON:
    `{"Concat": [...]}` becomes one word, and `{"IfPresent": {"InputName": ..., "Then": ...,
    "Else": ...}}` any number.
    """
    inputs = executor_input["inputs"]
    given = {key for key, value in inputs["parameterValues"].items() if value is not None}
    given |= inputs["artifacts"].keys()

    def expand(part: Any) -> list[str]:
        match part:
            case {"Concat": parts}:
                return ["".join(expand(parts))]
            case {"IfPresent": choice}:
                return expand(choice.get("Then" if choice["InputName"] in given else "Else", []))
            case list():
                return [word for one in part for word in expand(one)]
        return [
            _PLACEHOLDER.sub(lambda found: _value(found[1], executor_input, facts, mount), part)
        ]

    structs = ('{"Concat":', '{"IfPresent":')
    return expand([json.loads(one) if one.startswith(structs) else one for one in words])


def _value(
    path: str, executor_input: Mapping[str, Any], facts: Mapping[str, str], mount: str
) -> str:
    match = _VALUE.fullmatch(path)
    if match is None:
        return json.dumps(executor_input) if path == "$" else facts[path]
    side, kind, _, key, field = [part for part in match.groups() if part is not None][:5]
    if kind == "artifacts":
        given = executor_input[side]["artifacts"].get(key, {"artifacts": [_NO_ARTIFACT]})
        artifact = given["artifacts"][0]
        if field == "metadata":
            metadata = artifact["metadata"]
            found = metadata if match["of"] is None else (metadata or {}).get(match["of"])
            return found if isinstance(found, str) else json.dumps(found)
        uri = str(artifact["uri"])
        return uri.replace("gs://", f"{mount}/", 1) if field == "path" else uri
    if side == "outputs":
        return str(executor_input["outputs"]["parameters"][key]["outputFile"])
    value = executor_input["inputs"]["parameterValues"].get(key)
    return value if isinstance(value, str) else json.dumps(value)
