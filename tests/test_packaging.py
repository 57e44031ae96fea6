"""The project is installed editable, with its commands; sdist and wheel contain what they should,
and every package that is imported is a direct dependency."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
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
    "google.cloud.logging": "google-cloud-logging",
    "google.cloud.logging_v2": "google-cloud-logging",
    "google.cloud.monitoring_v3": "google-cloud-monitoring",
    "google.cloud.orchestration": "google-cloud-orchestration-airflow",
    "google.cloud.resourcemanager_v3": "google-cloud-resource-manager",
    "google.cloud.storage": "google-cloud-storage",
    "google.logging": "googleapis-common-protos",
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


def tracked() -> list[str]:
    """The files that git tracks, as far as they exist."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).exists()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the sdist and the wheel, built from the tracked files as `make dist` does."""
    folder = tmp_path_factory.mktemp("dist")
    for name in tracked():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / "source" / name)
    python = Path(sys.executable)
    command = [python.with_name("uv"), "build", "--quiet", "--offline", "--no-build-isolation"]
    subprocess.run(
        [*command, "--python", python, "--out-dir", folder, folder / "source"],
        capture_output=True,
        check=True,
    )
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """The folder of an installed wheel."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(built / "site-packages")
    return built / "site-packages"


def test_the_sdist_has_every_tracked_file(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    assert sdist.name == f"titleholder-{PROJECT['version']}.tar.gz"
    with tarfile.open(sdist) as archive:
        files = [one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()]
    written = {"PKG-INFO", "setup.cfg"}
    assert {one for one in files if ".egg-info" not in one} == {*tracked()} | written


def test_the_wheel_has_the_packages_with_their_data_and_nothing_else(installed: Path) -> None:
    found = {
        path.relative_to(installed).as_posix()
        for path in installed.rglob("*")
        if path.is_file() and ".dist-info" not in str(path)
    }
    packages = {
        "plugins/titleholder/": "titleholder/",
        "sandbox/": "sandbox/",
        "pipeline/": "pipeline/",
        "deploy/": "deploy/",
        "images/": "images/",
        "images/src/model_server/": "model_server/",
    }
    expected = {
        place + name.removeprefix(folder)
        for name in tracked()
        for folder, place in packages.items()
        if name.startswith(folder)
    }
    assert found == expected
    assert {"titleholder/page/templates/page.html", "pipeline/compiled/duel.yaml"} <= found


def run_installed(
    installed: Path, folder: Path, module: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """`python -m module arguments` of the wheel, in the folder."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_titleholder_reads_the_models_of_the_current_folder(
    installed: Path, tmp_path: Path
) -> None:
    done = run_installed(installed, tmp_path, "titleholder", "validate")
    assert done.returncode == 1
    assert done.stderr.startswith("titleholder: ")
    assert "dags/models" in done.stderr

    for folder in ("dags/models", "pipeline/compiled"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    done = run_installed(installed, tmp_path, "titleholder", "validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "linnerud: its file is valid, and fits linnerud-" in done.stdout


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("sandbox", ["up", "--airflow"]),
        ("sandbox", ["demo"]),
        ("deploy", ["--project", "my-project", "--location", "us-central1", "--dry-run"]),
        ("deploy.image", ["--project", "my-project", "--location", "us-central1", "--dry-run"]),
    ],
)
def test_what_needs_a_checkout_says_so(
    installed: Path, tmp_path: Path, module: str, arguments: list[str]
) -> None:
    done = run_installed(installed, tmp_path, module, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert re.search(r"in a checkout|from a clone|git is not installed", line)
    assert not [*tmp_path.iterdir()]


def test_every_imported_package_is_a_direct_dependency() -> None:
    direct = {
        canonicalize_name(Requirement(line).name)
        for line in requirements((REPOSITORY / "requirements.in").read_text())
    }
    # pip comes with the virtual environment; the example is one that a test installs.
    direct |= {"pip", "titleholder", "titleholder-example"}
    # The model server serves models of these too, in an image that has them.
    direct |= {"lightgbm", "xgboost"}
    assert missing(CODE, direct) == set()


def test_the_sandbox_needs_nothing_but_its_extra() -> None:
    extra = PROJECT["optional-dependencies"]["sandbox"]
    assert set(extra) <= set(requirements((REPOSITORY / "requirements.in").read_text()))
    direct = {canonicalize_name(Requirement(line).name) for line in extra}
    # What is imported in a checkout only: for Airflow, and to write the coverage page.
    checkout = {"airflow", "httpx", "psycopg2"}
    found = missing(["sandbox"], direct | {"pytest", "titleholder", "xgboost"})
    assert {name.partition(".")[0].partition(" ")[0] for name in found} == checkout


def missing(folders: Iterable[str], direct: set[str]) -> set[str]:
    """The modules that are imported there, with their files, and are of no package in `direct`."""
    installed = packages_distributions()
    return {
        f"{module} ({file.relative_to(REPOSITORY)})"
        for folder in folders
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
        for module in imported(file.read_text())
        if not direct & {canonicalize_name(name) for name in distributions(module, installed)}
    }


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
