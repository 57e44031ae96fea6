"""During Composer's sync a DAG file runs with its complete release, or reports an error."""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.checkout import DesiredState, desired_state
from deploy.release_guard import digest, use_release, with_guard
from tests.conftest import REPOSITORY
from tests.deploy.conftest import git
from tests.deploy.isolated import run_isolated
from titleholder.errors import EnvironmentConfigError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a new process of Airflow: plugins/ is on the path, titleholder is not imported."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "plugins")])
    monkeypatch.delitem(sys.modules, "titleholder")


def sync(folder: Path, objects: Mapping[str, bytes]) -> None:
    for name, content in objects.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_the_guard_accepts_only_the_complete_release(checkout: Path, tmp_path: Path) -> None:
    desired = desired_state(checkout)
    with pytest.raises(ImportError, match=r"which this DAG file needs, has not arrived yet; wait"):
        use_release(desired.release)
    package = [name for name in desired.release_objects if name.startswith("plugins/")]
    for name in package:
        sync(tmp_path, {name: desired.release_objects[name]})
        if name != package[-1]:
            with pytest.raises(ImportError, match=r"is incomplete, or was changed by hand; wait"):
                use_release(desired.release)
    use_release(desired.release)
    assert sys.path[0] == str(tmp_path / f"plugins/titleholder-{desired.release}")
    assert (Path(sys.path[0]) / "models/linnerud.yaml").exists()

    (Path(sys.path[0]) / "titleholder/__pycache__").mkdir()
    (Path(sys.path[0]) / "titleholder/__pycache__/x.pyc.7").write_bytes(b"Python's own")
    use_release(desired.release)
    (Path(sys.path[0]) / "models/linnerud.yaml").write_text("changed: by hand")
    with pytest.raises(ImportError, match="changed by hand"):
        use_release(desired.release)


def test_another_release_in_the_same_process_is_refused(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import titleholder

    desired = desired_state(checkout)
    sync(tmp_path, desired.objects)
    monkeypatch.setitem(sys.modules, "titleholder", titleholder)
    with pytest.raises(ImportError, match=r"another titleholder .* is loaded; restart"):
        use_release(desired.release)


def test_every_change_gives_another_release(checkout: Path) -> None:
    releases = {desired_state(checkout).release}
    for name in (
        "dags/models/linnerud.yaml",
        "plugins/titleholder/config/model.py",
        "pipeline/compiled/duel.yaml",
    ):
        path = checkout / name
        path.write_text(path.read_text() + "# changed\n")
        releases.add(desired_state(checkout).release)
    git(checkout, "mv", "plugins/titleholder/config/model.py", "plugins/titleholder/renamed.py")
    releases.add(desired_state(checkout).release)
    assert len(releases) == 5
    assert digest({"a": b"", "b": b"c"}) != digest({"a": b"c", "b": b""})


@pytest.mark.parametrize(
    "source",
    [
        '"""Doc."""\nCODE\n',
        '"""Doc."""',
        "from __future__ import annotations\nCODE\n",
        '"""Doc."""\n\n# Why.\nfrom __future__ import annotations\n'
        "from __future__ import (\n    division,\n)\nCODE\n",
        '"""Doc."""; from __future__ import annotations; CODE\n',
        'from __future__ import annotations as \\\n    later; """Späte"""; CODE\n',
        "from __future__ import annotations\r\nCODE\r\n",
        "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n\n# Größe\nCODE\n",
        '# coding: latin-1\n"""Größe."""\nCODE\n',
        '\ufeff"""Doc."""\nCODE\n',
        'f"""{CODE}"""\n',
        "CODE()\n",
        "@CODE\ndef dag(): ...\n",
        '"""Form\x0cfeed."""\nfrom __future__ import annotations\nCODE\n',
        "# Only a comment.\n",
        "",
    ],
)
def test_the_guard_runs_before_the_code_of_the_dag_file(source: str) -> None:
    content = source.encode("latin-1" if "latin-1" in source else "utf-8")
    deployed = with_guard(content, "0123456789ab")
    # The code of each file would end with a NameError.
    names: dict[str, object] = {"__name__": "dag"}
    with pytest.raises(ImportError, match="titleholder-0123456789ab, which this DAG file needs"):
        exec(compile(deployed, "dag.py", "exec", dont_inherit=True), names)
    before = compile(content, "dag.py", "exec", dont_inherit=True)
    after = compile(deployed, "dag.py", "exec", dont_inherit=True)
    assert after.co_flags == before.co_flags, "the same __future__"
    # None when a file has no docstring.
    assert names.get("__doc__") == ast.get_docstring(ast.parse(content), clean=False)
    head, _, rest = deployed.partition(b"\n\n# The next lines were added by `make deploy`")
    _, _, tail = rest.partition(b'use_release("0123456789ab")\n')
    assert head + tail == content


def test_the_guard_is_the_only_change_of_a_deployed_dag_file() -> None:
    source = (REPOSITORY / "dags/titleholder_dags.py").read_bytes()
    deployed = with_guard(source, "0123456789ab")
    before, _, rest = deployed.partition(b"\n\n# The next lines were added by `make deploy`")
    guard, _, after = rest.partition(b'use_release("0123456789ab")\n')
    assert before + after == source
    assert guard.count(b"import titleholder") == guard.count(b"from titleholder") == 0


@pytest.mark.parametrize("content", [b"def (:\n", b"# coding: mars\n", b'"\xff"\n', b"a\0\n"])
def test_a_dag_file_with_a_syntax_error_is_refused(checkout: Path, content: bytes) -> None:
    (checkout / "dags/broken_models.py").write_bytes(content)
    with pytest.raises(
        EnvironmentConfigError, match=r"^dags/broken_models.py is not valid Python \(.*; correct it"
    ):
        desired_state(checkout)


PARSE = """
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import _get_plugins
bag = DagBag(sys.argv[1] + "/dags")
for error in bag.import_errors.values():
    print("error", error.strip().splitlines()[-1])
print(sorted(bag.dags), sys.modules["titleholder"].__file__ if bag.dags else "")
plugins, errors = _get_plugins()
own = [plugin.name for plugin in plugins if "PLUGINS_FOLDER" in str(plugin.source)]
print("plugins", own, errors, "events" in sys.modules)
"""


def airflow(gcs: Path) -> str:
    """The result of a real Airflow with these folders."""
    return run_isolated(PARSE, gcs)


@pytest.fixture(scope="module")
def desired(full_checkout: Path) -> DesiredState:
    return desired_state(full_checkout)


def test_airflow_parses_the_deployed_dag_files(desired: DesiredState, tmp_path: Path) -> None:
    sync(tmp_path, desired.objects)
    output = airflow(tmp_path)
    assert "['linnerud__rollout', 'linnerud__train']" in output
    assert f"/plugins/titleholder-{desired.release}/titleholder/__init__.py" in output
    assert "plugins ['titleholder_page'] {} False" in output, "no file of the package is a plugin"


def test_a_dag_file_without_its_release_is_an_import_error(
    desired: DesiredState, tmp_path: Path
) -> None:
    sync(tmp_path, desired.entry_objects)
    output = airflow(tmp_path)
    message = (
        f"error ImportError: plugins/titleholder-{desired.release}, which this DAG file needs, "
        "has not"
    )
    assert [line.startswith(message) for line in output.splitlines()].count(True) == 2, output
    assert "[] \n" in output, "no DAG"
