"""The project is installed editable, with its commands, and names every package that it imports."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.audit import requirements
from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
CODE = ("docs", "plugins", "sandbox", "pipeline", "deploy", "images", "dags", "tests")
# Packages below these names belong to many distributions: the part after the name tells which.
NAMESPACES = {
    "google.api": "googleapis-common-protos",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud.aiplatform": "google-cloud-aiplatform",
    "google.cloud.aiplatform_v1": "google-cloud-aiplatform",
    "google.cloud.artifactregistry_v1": "google-cloud-artifact-registry",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.bigquery_storage": "google-cloud-bigquery-storage",
    "google.cloud.bigquery_storage_v1": "google-cloud-bigquery-storage",
    "google.cloud.devtools": "google-cloud-build",
    "google.cloud.orchestration": "google-cloud-orchestration-airflow",
    "google.cloud.storage": "google-cloud-storage",
    "google.longrunning": "googleapis-common-protos",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "airflow.providers.google": "apache-airflow-providers-google",
    "airflow.providers.standard": "apache-airflow-providers-standard",
}


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_an_installed_command_answers_help_from_any_folder(command: str, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name(command)
    done = subprocess.run(
        [script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.lower().startswith(f"usage: {command} ")


def test_the_installed_version_is_that_of_pyproject() -> None:
    assert version(PROJECT["name"]) == PROJECT["version"]


def test_the_installation_is_this_checkout(tmp_path: Path) -> None:
    code = "import deploy, pipeline, sandbox, titleholder as t; print(t.__file__, deploy.__file__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    files = [REPOSITORY / "plugins/titleholder/__init__.py", REPOSITORY / "deploy/__init__.py"]
    assert done.stdout.split() == [str(file) for file in files]


def test_every_imported_package_is_a_direct_dependency() -> None:
    direct = {
        canonicalize_name(Requirement(line).name)
        for line in requirements((REPOSITORY / "requirements.in").read_text())
    }
    # pip comes with the virtual environment; the example is one that a test installs.
    direct |= {"pip", "titleholder", "titleholder-example"}
    # The model server serves models of these too, in an image that has them.
    direct |= {"lightgbm", "xgboost"}
    installed = packages_distributions()
    missing = {
        f"{module} ({file.relative_to(REPOSITORY)})"
        for folder in CODE
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
        for module in imported(file.read_text())
        if not direct & {canonicalize_name(name) for name in distributions(module, installed)}
    }
    assert missing == set()


def distributions(module: str, installed: dict[str, list[str]]) -> set[str]:
    """The distributions that may provide the module, by NAMESPACES or by its first part."""
    for prefix, name in NAMESPACES.items():
        if re.match(rf"{re.escape(prefix)}(\.|$)", module):
            return {name}
    top = module.partition(".")[0]
    return {"apache-airflow"} if top == "airflow" else set(installed.get(top, [top]))


def imported(source: str) -> set[str]:
    """Modules of third parties that the source imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    own = {*sys.stdlib_module_names, *CODE, "model_server", "titleholder", "titleholder_page"}
    return {name for name in found if name.partition(".")[0] not in own}
