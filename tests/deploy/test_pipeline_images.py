"""Which images of a compiled pipeline are looked up."""

import pytest
import yaml

from deploy.image.registry import Image
from deploy.pipeline_images import image_region, pipeline_images
from tests.conftest import REPOSITORY

OWN = "europe-west1-docker.pkg.dev/my-project/titleholder/model:0123456789abcdef"
DIGEST = f"sha256:{'a' * 64}"


def compiled(*executors: object, constant: object = "") -> bytes:
    spec = {
        "deploymentSpec": {"executors": {f"e{n}": one for n, one in enumerate(executors)}},
        "root": {"dag": {"tasks": {"t": {"inputs": {"runtimeValue": {"constant": constant}}}}}},
    }
    return yaml.safe_dump(spec).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (compiled({"container": {"image": OWN, "args": ["a-docker.pkg.dev/b/c/d:e"]}}), [OWN]),
        (compiled({"container": {"image": f"{OWN}@{DIGEST}"}}), [f"{OWN}@{DIGEST}"]),
        (compiled({"container": {"image": "python:3.11"}}), []),
        (compiled({"container": {"image": "us-docker.pkg.dev/vertex-ai/training/x:1"}}), []),
        (compiled({"importer": {"typeSchema": {}}}, constant=OWN), [OWN]),
        (compiled(constant=f'{{"imageUri": "{OWN}", "ports": [{{"containerPort": 1}}]}}'), [OWN]),
        (compiled(constant={"imageUri": OWN, "args": ["x"]}), [OWN]),
        (compiled(constant=1.5) + b"---\nplatforms: {kubernetes: {}}\n", []),
        (b"", []),
    ],
)
def test_images_in_steps_and_constants_are_found(content: bytes, expected: list[str]) -> None:
    assert list(pipeline_images(content)) == expected


def test_images_in_constants_are_to_serve() -> None:
    tool = "europe-docker.pkg.dev/my-project/tools/step:1"
    step = {"container": {"image": tool}}
    images = pipeline_images(compiled(step, constant={"imageUri": OWN}))
    assert images == {tool: False, OWN: True}
    assert pipeline_images(compiled(step, constant="x")) == {tool: False}
    assert image_region(OWN) == "europe-west1"


def test_every_compiled_pipeline_of_this_repository_can_be_read() -> None:
    files = list((REPOSITORY / "pipeline/compiled").glob("*.yaml"))
    assert len(files) >= 2
    for file in files:
        assert all(Image.parse(image) for image in pipeline_images(file.read_bytes()))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            OWN,
            Image(
                "projects/my-project/locations/europe-west1/repositories/titleholder",
                "model",
                "0123456789abcdef",
                "",
            ),
        ),
        (
            f"us-docker.pkg.dev/example.com/p/r/folder/name@{DIGEST}",
            Image("projects/example.com:p/locations/us/repositories/r", "folder/name", "", DIGEST),
        ),
        (
            "us-docker.pkg.dev/p/r/n",
            Image("projects/p/locations/us/repositories/r", "n", "latest", ""),
        ),
        ("us-docker.pkg.dev/p/r", None),
        ("us-docker.pkg.dev/p/r/n@sha256:abc", None),
        ("gcr.io/p/n:1", None),
    ],
)
def test_the_parts_of_an_image(uri: str, expected: Image | None) -> None:
    assert Image.parse(uri) == expected
