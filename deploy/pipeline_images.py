"""The images in Artifact Registry that a compiled pipeline names. No I/O."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

# Google's prebuilt containers are in repositories of a project of this name.
_PREBUILT = "vertex-ai"
_IMAGE = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/([\w.-]+)/[\w./-]+(?::[\w.-]+)?(?:@sha256:\w+)?")
# libyaml, where there is one: in Python this would be most of the time of a deployment's plan.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def pipeline_images(compiled: bytes) -> list[str]:
    """The images of its steps, and those in its constants, which are to serve the model; sorted,
    without Google's prebuilt ones. Raises yaml.YAMLError."""
    return _images(compiled)


def serving_images(compiled: bytes) -> list[str]:
    """Those of them that are in its constants. Raises yaml.YAMLError."""
    return _images(compiled, of_steps=False)


def image_region(image: str) -> str:
    """The region, or multi-region such as `us`, of an image in Artifact Registry."""
    return image.partition("-docker.pkg.dev/")[0]


def _images(compiled: bytes, *, of_steps: bool = True) -> list[str]:
    documents = yaml.load_all(compiled, Loader=_Loader)
    texts = (text for document in documents for text in _texts(document, of_steps=of_steps))
    matches = [match for text in texts for match in _IMAGE.finditer(text)]
    return sorted({match[0] for match in matches if match[1] != _PREBUILT})


def _texts(value: Any, *, of_steps: bool) -> Iterator[str]:
    """All strings below `value`, except the commands of containers: source code may have URIs in
    its text. Their images only with `of_steps`."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item, of_steps=of_steps)
        case {"container": {"image": str(image)}}:
            if of_steps:
                yield image
        case dict():
            for item in value.values():
                yield from _texts(item, of_steps=of_steps)
