"""The images that the sandbox knows."""

from pathlib import Path

import pytest

from images.reference import NAME, image_reference
from sandbox.containers.catalog import Catalog, UnknownImage, is_plain_python

PREBUILT = "us-docker.pkg.dev/vertex-ai/prediction"


def test_this_projects_image_in_any_repository() -> None:
    tag = image_reference().rpartition(":")[2]
    for repository in (
        "us-central1-docker.pkg.dev/a-project/titleholder",
        "europe-docker.pkg.dev/b/c",
    ):
        image = Catalog().find(f"{repository}/{NAME}:{tag}")
        assert image.command == ("python", "-m", "model_server")
        assert "scikit-learn==" in image.requirements
        assert "--hash=sha256:" in image.requirements


def test_an_image_of_another_lock() -> None:
    with pytest.raises(UnknownImage, match="built from another lock than this checkout's") as error:
        Catalog().find(f"us-central1-docker.pkg.dev/p/titleholder/{NAME}:0123456789abcdef")
    assert image_reference() in str(error.value)


@pytest.mark.parametrize(
    ("name", "package"),
    [("sklearn-cpu.1-6", "scikit-learn==1.6."), ("xgboost-cpu.2-1", "xgboost-cpu==2.1.")],
)
@pytest.mark.parametrize("tag", ["", ":latest", "@sha256:" + "0" * 64])
def test_prebuilt_images(name: str, package: str, tag: str) -> None:
    image = Catalog().find(f"{PREBUILT}/{name}{tag}")
    assert image.python == "3.10"
    assert package in image.requirements


@pytest.mark.parametrize(
    "uri",
    [
        f"{PREBUILT}/tf2-cpu.2-15:latest",
        f"{PREBUILT}/sklearn-cpu.9-9:latest",
        "gcr.io/mine/server",
        "",
    ],
)
def test_unknown_images(uri: str) -> None:
    with pytest.raises(
        UnknownImage, match=r"does not know the image .*: list it in .*sandbox\.yaml"
    ):
        Catalog().find(uri)


def test_images_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "requirements.txt").write_text("flask==3.1.0\n")
    file = tmp_path / "images.yaml"
    file.write_text(
        "images:\n"
        "  - image: gcr.io/mine/server:*\n"
        "    requirements: server/requirements.txt\n"
        "    command: [python, -m, server]\n"
        "    path: server\n"
        "    python: '3.12'\n"
        "  - image: gcr.io/mine/steps@sha256:1\n"
    )
    image = Catalog(file).find("gcr.io/mine/server:7")
    assert image.requirements == "flask==3.1.0\n"
    assert (image.command, image.python) == (("python", "-m", "server"), "3.12")
    assert image.path == str(tmp_path / "server")
    assert image.needs_python
    steps = Catalog(file).find("gcr.io/mine/steps@sha256:1")
    assert (steps.command, steps.needs_python) == ((), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("# \xe9", "cannot be read"),
        ("images: [{image: a, requirements: latin.txt}]", "latin.txt, which cannot be read"),
        ("{", "cannot be read"),
        ("", "has no list `images`"),
        ("images: 3", "has no list `images`"),
        ("images: [3]", "has no key `image`"),
        ("images: [{image: a, colour: red}]", "the image a has the unknown keys colour"),
        ("images: [{image: a, command: [1]}]", "a command that is not a list of strings"),
        ("images: [{image: a, command: python}]", "a command that is not a list of strings"),
        ("images: [{image: a, requirements: no.txt}]", "no.txt, which cannot be read"),
        ("images: [{image: a, path: nowhere}]", "nowhere, which does not exist"),
        ("images: [{image: a, python: 3.10}]", "the python 3.1, which is no version: .* in quotes"),
        ("images: [{image: a, python: ''}]", "the python '', which is no version: .* in quotes"),
    ],
)
def test_an_invalid_file(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "images.yaml"
    (tmp_path / "latin.txt").write_text("# \xe9", encoding="latin-1")
    if text is not None:
        file.write_text(text, encoding="latin-1")
    with pytest.raises(UnknownImage, match=message) as error:
        Catalog(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("python", True),
        ("python:3.11", True),
        ("python:3.11-slim", True),
        ("python@sha256:" + "a" * 64, True),
        ("docker.io/library/python:3.9", True),
        ("public.ecr.aws/docker/library/python:3.12", True),
        ("mirror.gcr.io/library/python:3.11", True),
        ("registry.access.redhat.com/ubi9/python-311:latest", True),
        ("registry.access.redhat.com/ubi9/nodejs-20", False),
        ("evil/python:3.11", False),
        ("python-3", False),
    ],
)
def test_plain_python_images(uri: str, plain: bool) -> None:
    assert is_plain_python(uri) == plain
