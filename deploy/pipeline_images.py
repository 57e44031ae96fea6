"""The images in Artifact Registry that a compiled pipeline names. No I/O."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from titleholder.config.yaml_reader import SafeLoader

# Google's prebuilt containers are in repositories of a project of this name.
_PREBUILT = "vertex-ai"
_IMAGE = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/([\w.-]+)/[\w./-]+(?::[\w.-]+)?(?:@sha256:\w+)?")


def pipeline_images(compiled: bytes) -> dict[str, bool]:
    """The images of its steps and in its constants, sorted, without Google's prebuilt ones; and of
    each whether it is to serve the model, as those in constants are. Raises yaml.YAMLError."""
    found: dict[str, bool] = {}
    for document in yaml.load_all(compiled, Loader=SafeLoader):
        for text, serves in _texts(document):
            for match in _IMAGE.finditer(text):
                if match[1] != _PREBUILT:
                    found[match[0]] = serves or found.get(match[0], False)
    return dict(sorted(found.items()))


def image_region(image: str) -> str:
    """The region, or multi-region such as `us`, of an image in Artifact Registry."""
    return image.partition("-docker.pkg.dev/")[0]


def _texts(value: Any) -> Iterator[tuple[str, bool]]:
    """All strings below `value`, and whether each is outside of containers. Of these it has the
    images only: source code may have URIs in its text."""
    match value:
        case str():
            yield value, True
        case list():
            for item in value:
                yield from _texts(item)
        case {"container": {"image": str(image)}}:
            yield image, False
        case dict():
            for item in value.values():
                yield from _texts(item)
