"""The images in Artifact Registry that a compiled pipeline names. No I/O."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

# Google's prebuilt containers are in repositories of a project of this name.
_PREBUILT = "vertex-ai"
_IMAGE = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/([\w.-]+)/[\w./-]+(?::[\w.-]+)?(?:@sha256:\w+)?")


def pipeline_images(compiled: bytes) -> list[str]:
    """The images of its steps, and those in its constants, which are to serve the model; sorted,
    without Google's prebuilt ones. Raises yaml.YAMLError."""
    found = set()
    for document in yaml.safe_load_all(compiled):
        for text in _texts(document):
            found |= {match[0] for match in _IMAGE.finditer(text) if match[1] != _PREBUILT}
    return sorted(found)


def _texts(value: Any) -> Iterator[str]:
    """All strings below `value`, except the commands of containers: source code may have URIs in
    its text."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case {"container": {"image": str(image)}}:
            yield image
        case dict():
            for item in value.values():
                yield from _texts(item)
