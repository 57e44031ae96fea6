"""The files about the repository itself agree with it: what they name exists, and what they repeat
is the same elsewhere."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import REPOSITORY

CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
# GitHub's forms, as far as they are used here:
# https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["name", "description", "body"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "labels": {"type": "array", "items": {"type": "string"}},
        "body": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "attributes"],
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": ["markdown", "textarea", "input", "dropdown"]},
                    "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
                    "attributes": {
                        "type": "object",
                        "anyOf": [{"required": ["label"]}, {"required": ["value"]}],
                        "additionalProperties": False,
                        "properties": {
                            **{
                                name: {"type": "string"}
                                for name in ("label", "value", "description", "placeholder")
                            },
                            "render": {"enum": ["text", "shell"]},
                            "options": {"type": "array", "items": {"type": "string"}},
                        },
                    },
                    "validations": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"required": {"type": "boolean"}},
                    },
                },
            },
        },
    },
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.split("\0") if name]
    return [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]


def load(name: str) -> Any:
    return yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))


def test_pre_commit_runs_what_make_check_runs() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    checks = [line.strip("\t@") for line in recipe[1].splitlines()]
    (local,) = load(".pre-commit-config.yaml")["repos"]
    hooks = local["hooks"]
    entries = [
        hook["entry"].replace(".venv/bin", "$(BIN)").replace("--force-exclude", ".")
        if hook.get("pass_filenames", True)
        else hook["entry"].replace(".venv/bin", "$(BIN)")
        for hook in hooks
    ]
    assert entries == checks
    assert {hook["language"] for hook in hooks} == {"system"}
    assert len({hook["id"] for hook in hooks}) == len(hooks)


@pytest.mark.parametrize("name", ["bug.yml", "change.yml"])
def test_an_issue_form_is_one_of_github(name: str) -> None:
    form = load(f".github/ISSUE_TEMPLATE/{name}")
    jsonschema.validate(form, FORM)
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))


def test_dependabot_reads_the_folders_with_a_lock() -> None:
    (update,) = load(".github/dependabot.yml")["updates"]
    assert load(".github/dependabot.yml")["version"] == 2
    locks = {path.parent for path in REPOSITORY.glob("requirements.txt")}
    locks |= {path.parent for path in REPOSITORY.glob("images/requirements.txt")}
    assert {REPOSITORY / name.strip("/") for name in update["directories"]} == locks


@pytest.mark.parametrize(
    "page",
    ["CONTRIBUTING.md", "SECURITY.md", ".github/CODEOWNERS", ".github/pull_request_template.md"],
)
def test_what_a_page_names_exists(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w.*/<>-]+/[\w.*<>-]*|\w+\.(?:py|toml|in|md))[`#]", text))
    named |= set(re.findall(r"^#/([\w./-]+)", text, re.MULTILINE))
    named |= set(re.findall(r"\b(?:docs|tests)/[\w./-]+\.\w+", text))
    for name in named - {"var/site", "var/dist"}:
        pattern = re.sub(r"<\w+>", "*", name.strip("/"))
        assert next(REPOSITORY.glob(pattern), None) or next(REPOSITORY.rglob(pattern), None), name


def test_the_newest_version_of_the_changelog_is_that_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    versions = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert versions[1][0] == project["version"]
    assert all(date for _, date in versions[1:])


def test_every_version_has_upgrade_notes() -> None:
    _, *sections = re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)
    for section in sections:
        assert "\n### Upgrade notes\n" in section, section.partition("\n")[0]


def test_files_follow_the_editor_settings() -> None:
    for path in tracked():
        content = path.read_bytes()
        if path.suffix in (".png", ".parquet") or not content:
            continue
        assert content.endswith(b"\n"), path
        assert b"\r" not in content, path
        assert not re.search(rb"[ \t]+$", content, re.MULTILINE), path
        if path.suffix == ".py":
            assert not re.search(rb"^\t", content, re.MULTILINE), path
