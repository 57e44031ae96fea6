"""dags/ and plugins/ import only packages of Cloud Composer's image.

The image is assumed to have the requirements of Airflow and its google provider: Composer's own
lists have more packages, which vary between versions.
"""

import ast
import json
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY
from tests.deploy.isolated import run_isolated

ROOTS = (
    "apache-airflow",
    "apache-airflow-providers-google",
    "apache-airflow-providers-standard",
    "apache-airflow-providers-http",
    "apache-airflow-providers-common-sql",
)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def image() -> set[str]:
    """The top-level modules of the requirements of ROOTS, and of Python."""
    todo: list[tuple[str, frozenset[str]]] = [(name, frozenset()) for name in ROOTS]
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, requires):
            environments = [{"extra": extra} for extra in ("", *extras)]
            if requirement.marker is None or any(
                requirement.marker.evaluate(environment) for environment in environments
            ):
                # Not installed, by requirements.overrides: it would bring scikit-learn.
                more = _plain(requirement.name), frozenset(requirement.extras - {"evaluation"})
                if more not in seen:
                    seen.add(more)
                    todo.append(more)
    names = {name for name, _ in seen}
    found = packages_distributions().items()
    return set(sys.stdlib_module_names) | {
        module for module, parts in found if names & set(map(_plain, parts))
    }


IMAGE = image()
# What Airflow's OpenLineage provider calls, and so only where it is: Composer has it, too.
OPTIONAL = {("openlineage.py", "openlineage")}
PARSE = """
import importlib, json, pathlib, sys

gcs, allowed = pathlib.Path(sys.argv[1]), {*json.loads(sys.argv[2]), "titleholder"}
class Image:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)
sys.meta_path.insert(0, Image())

from airflow.dag_processing.dagbag import DagBag
bag = DagBag(str(gcs / "dags"))
errors = [error.strip().splitlines()[-1] for error in bag.import_errors.values()]
files = sorted((gcs / "plugins/titleholder").rglob("*.py"))
for path in files:
    name = ".".join(path.relative_to(gcs / "plugins").with_suffix("").parts)
    try:
        assert importlib.import_module(name.removesuffix(".__init__")).__file__ == str(path)
    except ImportError as error:
        errors.append(f"{name}: {error}")
print("answer", json.dumps([sorted(bag.dags), len(files), errors]))
"""


@pytest.fixture
def gcs(tmp_path: Path) -> Path:
    """The two folders, without the rest of the repository."""
    for folder in ("dags", "plugins"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


def parse(gcs: Path) -> tuple[list[str], int, list[str]]:
    """The DAGs that a real Airflow finds, the number of modules of the package, and the errors.
    Only modules of IMAGE can be imported."""
    printed = run_isolated(PARSE, gcs, json.dumps(sorted(IMAGE)))
    found = json.loads(printed.rpartition("answer ")[2])
    return found[0], found[1], found[2]


def outside(gcs: Path) -> set[tuple[str, str]]:
    """Imports of modules that are not in the image, also inside functions: file and module."""
    found = set()
    for path in gcs.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: plugins have absolute imports only"
                modules = [str(node.module)]
            tops = {module.partition(".")[0] for module in modules}
            found |= {(path.name, top) for top in tops - IMAGE - {"titleholder"}}
    return found


def test_the_image_has_the_expected_modules() -> None:
    assert {"airflow", "google", "pydantic", "yaml", "croniter", "json"} <= IMAGE
    assert not {"kfp", "sklearn", "joblib", "duckdb", "bqemulator", "sandbox", "pytest"} & IMAGE
    assert not {"pipeline", "deploy", "titleholder"} & IMAGE


def test_dags_and_plugins_import_only_modules_of_the_image(gcs: Path) -> None:
    dags, modules, errors = parse(gcs)
    assert errors == []
    assert dags == ["linnerud__rollout", "linnerud__train"]
    assert modules > 50
    assert outside(gcs) == OPTIONAL


def test_an_import_of_another_module_is_found(gcs: Path) -> None:
    package = gcs / "plugins/titleholder"
    config, duel = package / "config/model.py", package / "analysis/duel_job.py"
    config.write_text("import kfp\n" + config.read_text())
    duel.write_text(duel.read_text() + "\n\ndef late() -> None:\n    import sklearn.tree\n")
    assert outside(gcs) - OPTIONAL == {("model.py", "kfp"), ("duel_job.py", "sklearn")}
    dags, _, errors = parse(gcs)
    assert dags == []
    assert "ModuleNotFoundError: the image has no kfp" in errors
    assert "titleholder.config.model: the image has no kfp" in errors
