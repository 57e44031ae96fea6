"""The files of ci/: valid by the schemas and linters of both services, and without keys; their
commands and variables are those of this repository."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

CI = REPOSITORY / "ci"
WORKFLOWS = sorted((CI / "github").glob("*.yml"))
CLOUD_BUILD = CI / "cloudbuild.yaml"
PAGE = (REPOSITORY / "docs" / "how-to" / "ci.md").read_text()


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def tool(name: str, *arguments: str | Path) -> None:
    """Run an installed tool; its findings are the failure's message."""
    command = [Path(sys.executable).with_name(name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def steps(job: dict[str, Any]) -> str:
    """The shell lines of a job's steps."""
    return "\n".join(step.get("run", "") for step in job["steps"])


def made(commands: str) -> list[str]:
    """The targets of `make` in shell lines, in order."""
    return re.findall(r"^\s*make (\w+)", commands, re.MULTILINE)


def test_the_files_follow_the_schemas_of_their_services() -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    tool("check-jsonschema", "--builtin-schema", "vendor.cloudbuild", CLOUD_BUILD)


def test_the_linter_of_workflows_finds_nothing() -> None:
    # Of the lowest severity is its advice to write `$/` for `./`, which other linters do not know.
    tool("zizmor", "--offline", "--quiet", "--min-severity", "medium", *WORKFLOWS)


def test_no_key_is_stored() -> None:
    for path in (*WORKFLOWS, CLOUD_BUILD):
        assert not re.search(r"secrets\.|credentials_json|availableSecrets", path.read_text()), path


def test_both_services_take_the_same_steps() -> None:
    main, deployment = (read(path)["jobs"] for path in reversed(WORKFLOWS))
    checks, deploys = ["check", "compile", "test", "audit"], ["image", "deploy"]
    assert made(steps(main["check"])) == checks
    assert made(steps(deployment["deploy"])) == deploys
    assert main["staging"]["needs"] == "check"
    assert main["production"]["needs"] == "staging"
    build = "\n".join(step["script"] for step in read(CLOUD_BUILD)["steps"])
    assert made(build) == checks + deploys
    for commands in (steps(deployment["deploy"]), build):
        assert commands.rstrip().endswith(".venv/bin/titleholder status --all")


def test_every_variable_is_on_the_page_and_reaches_make() -> None:
    deployment = next(path for path in WORKFLOWS if "deploy" in path.name)
    named = set(re.findall(r"vars\.(\w+)", deployment.read_text()))
    assert named == set(re.findall(r"^ *\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    assert {f"_{name}" for name in ("ENVIRONMENT", "LOCATION", "BUILDER")} == set(
        read(CLOUD_BUILD)["substitutions"]
    )
    given = {line.partition("=")[0] for line in read(CLOUD_BUILD)["options"]["env"]}
    job = read(deployment)["jobs"]["deploy"]
    for names in (set(job["env"]), given - {"GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"}):
        environ = os.environ | {name: f"the-{name}" for name in names}
        for target in ("image", "deploy"):
            printed = subprocess.run(
                ["make", "--dry-run", target],
                cwd=REPOSITORY,
                env=environ,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for option in ("PROJECT", "LOCATION"):
                assert f"--{option.lower()} 'the-{option}'" in printed
        assert "--environment 'the-ENVIRONMENT'" in printed


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_python_is_that_of_composer(path: Path) -> None:
    for job in read(path)["jobs"].values():
        versions = [
            one["with"]["python-version"]
            for one in job.get("steps", ())
            if "python" in one.get("uses", "")
        ]
        assert versions in ([], ["3.11"])
    assert all("python:3.11" in step["name"] for step in read(CLOUD_BUILD)["steps"])
