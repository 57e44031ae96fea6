"""The build context, the tag that identifies it, and the image's lock."""

import re
import shutil
from pathlib import Path

import pytest

from images import reference
from images.reference import (
    FOLDER,
    LOCK,
    ImageError,
    check_lock,
    context_files,
    image_reference,
    image_tag,
    is_own_image,
    pins,
    repository,
)
from tests.conftest import REPOSITORY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of images/, which tests may change."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(FOLDER, tmp_path / "images", ignore=ignored))


def let_through(folder: Path) -> set[str]:
    """The files that Docker sends by .dockerignore: the last pattern that matches a file, or a
    folder above it, decides (https://docs.docker.com/build/concepts/context/#dockerignore-files).
    """
    rules = []
    for line in (folder / ".dockerignore").read_text().splitlines():
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?")
        pattern = pattern.replace(r"\*", "[^/]*")
        rules.append((re.compile(rf"{pattern}(?:/.*)?"), line.startswith("!")))
    sent = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        decisions = [include for rule, include in rules if rule.fullmatch(name)]
        if path.is_file() and (not decisions or decisions[-1]):
            sent.add(name)
    return sent


def test_the_context_is_what_dockerignore_lets_through(folder: Path) -> None:
    for name in ("src/model_server/data.bin", "src/model_server/new/a.py", "b.py", "c/d.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    files = context_files(folder)
    # Docker reads it in any case.
    assert files.keys() - {".dockerignore"} == let_through(folder)
    assert {"Dockerfile", "requirements.txt", "src/model_server/app.py"} <= files.keys()
    assert "src/model_server/new/a.py" in files
    assert not {"src/model_server/data.bin", "b.py", "c/d.py", "LICENSES.md"} & files.keys()


def test_the_tag_changes_with_every_file(folder: Path) -> None:
    files = context_files(folder)
    tags = {image_tag(files)}
    for name in files:
        tags.add(image_tag(files | {name: files[name] + b"\n"}))
        tags.add(image_tag({key: value for key, value in files.items() if key != name}))
        tags.add(image_tag({f"{key}x" if key == name else key: files[key] for key in files}))
    assert len(tags) == 1 + 3 * len(files)
    assert all(re.fullmatch(r"[0-9a-f]{16}", tag) for tag in tags)
    assert image_tag(dict(reversed(files.items()))) == image_tag(files)


def test_the_reference_is_repository_name_and_tag() -> None:
    assert image_reference() == f"{repository()}/model:{image_tag(context_files())}"
    assert is_own_image(image_reference())
    assert is_own_image(f"us-docker.pkg.dev/other/images/model:{image_tag(context_files())}")
    assert not is_own_image(f"{repository()}/model:{'0' * 16}")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("us-central1-docker.pkg.dev/my-project/titleholder\n", True),
        ("europe-docker.pkg.dev/example.com/my-project/images", True),
        ("us-central1-docker.pkg.dev/example.com:my-project/images", False),
        ("us-central1-docker.pkg.dev/my-project", False),
        ("us-central1-docker.pkg.dev/my-project/images/model", False),
        ("gcr.io/my-project/titleholder", False),
        ("", False),
    ],
)
def test_repositories(
    text: str, valid: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "repository.txt"
    file.write_text(text)
    monkeypatch.setattr(reference, "_REPOSITORY", file)
    if valid:
        assert repository() == text.strip()
    else:
        with pytest.raises(ImageError, match=r"^images/repository\.txt says "):
            repository()


def test_the_image_has_the_versions_of_the_projects_lock() -> None:
    check_lock()
    names = {pin.name for pin in pins(LOCK)}
    direct = (FOLDER / "requirements.in").read_text().splitlines()
    assert {line for line in direct if line and line[0] != "#"} <= names
    assert len(names) > 40


def test_another_version_is_refused(tmp_path: Path) -> None:
    project = REPOSITORY / "requirements.txt"
    [pandas] = [pin for pin in pins(LOCK) if pin.name == "pandas"]
    other = tmp_path / "other.txt"
    other.write_text(LOCK.read_text().replace(str(pandas), "pandas==1.2.3"))
    with pytest.raises(ImageError) as raised:
        check_lock(other, project)
    assert str(raised.value) == (
        "images/requirements.txt has pandas==1.2.3 and requirements.txt another version: run "
        "`make lock`"
    )
    other.write_text(f"{LOCK.read_text()}\nlightgbm==4.6.0 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ImageError, match=r"lightgbm==4\.6\.0 and requirements\.txt none of it"):
        check_lock(other, project)
