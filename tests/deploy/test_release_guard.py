"""Whatever Composer has synced so far: a DAG file works with its own release whole, or says so."""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.checkout import DesiredState, desired_state
from deploy.release_guard import digest, use_release, with_guard
from tests.conftest import REPOSITORY
from tests.deploy.conftest import git
from titleholder.errors import EnvironmentConfigError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a process of Airflow's: only plugins/ is on the path, and nothing was imported."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "plugins")])
    monkeypatch.delitem(sys.modules, "titleholder")


def sync(folder: Path, objects: Mapping[str, bytes]) -> None:
    for name, content in objects.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_the_gate_opens_for_the_whole_release_only(checkout: Path, tmp_path: Path) -> None:
    want = desired_state(checkout)
    with pytest.raises(ImportError, match=r"which this DAG file needs, has not arrived yet; wait"):
        use_release(want.release)
    package = [name for name in want.ready if name.startswith("plugins/")]
    for name in package:
        sync(tmp_path, {name: want.ready[name]})
        if name != package[-1]:
            with pytest.raises(ImportError, match=r"is not whole, or was changed by hand; wait"):
                use_release(want.release)
    use_release(want.release)
    assert sys.path[0] == str(tmp_path / f"plugins/titleholder-{want.release}")
    assert (Path(sys.path[0]) / "models/linnerud.yaml").exists()

    (Path(sys.path[0]) / "titleholder/__pycache__").mkdir()
    (Path(sys.path[0]) / "titleholder/__pycache__/x.pyc.7").write_bytes(b"Python's own")
    use_release(want.release)
    (Path(sys.path[0]) / "models/linnerud.yaml").write_text("changed: by hand")
    with pytest.raises(ImportError, match="changed by hand"):
        use_release(want.release)


def test_another_release_in_the_same_process(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import titleholder

    want = desired_state(checkout)
    sync(tmp_path, want.objects)
    monkeypatch.setitem(sys.modules, "titleholder", titleholder)
    with pytest.raises(ImportError, match=r"another titleholder .* is loaded; restart"):
        use_release(want.release)


def test_every_change_is_another_release(checkout: Path) -> None:
    seen = {desired_state(checkout).release}
    for name in (
        "dags/models/linnerud.yaml",
        "plugins/titleholder/config/model.py",
        "pipeline/compiled/duel.yaml",
    ):
        path = checkout / name
        path.write_text(path.read_text() + "# changed\n")
        seen.add(desired_state(checkout).release)
    git(checkout, "mv", "plugins/titleholder/config/model.py", "plugins/titleholder/konfig.py")
    seen.add(desired_state(checkout).release)
    assert len(seen) == 5
    assert digest({"a": b"", "b": b"c"}) != digest({"a": b"c", "b": b""})


@pytest.mark.parametrize(
    "source",
    [
        '"""Doc."""\nBEGUN\n',
        '"""Doc."""',
        "from __future__ import annotations\nBEGUN\n",
        '"""Doc."""\n\n# Why.\nfrom __future__ import annotations\n'
        "from __future__ import (\n    division,\n)\nBEGUN\n",
        '"""Doc."""; from __future__ import annotations; BEGUN\n',
        'from __future__ import annotations as \\\n    later; """Späte"""; BEGUN\n',
        "from __future__ import annotations\r\nBEGUN\r\n",
        "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n\n# Größe\nBEGUN\n",
        '# coding: latin-1\n"""Größe."""\nBEGUN\n',
        '\ufeff"""Doc."""\nBEGUN\n',
        'f"""{BEGUN}"""\n',
        "BEGUN()\n",
        "@BEGUN\ndef dag(): ...\n",
        '"""Form\x0cfeed."""\nfrom __future__ import annotations\nBEGUN\n',
        "# Nothing but a comment.\n",
        "",
    ],
)
def test_nothing_of_a_dag_file_runs_before_its_gate(source: str) -> None:
    content = source.encode("latin-1" if "latin-1" in source else "utf-8")
    deployed = with_guard(content, "0123456789ab")
    # Each file's own code would end with a NameError.
    names: dict[str, object] = {"__name__": "dag"}
    with pytest.raises(ImportError, match="titleholder-0123456789ab, which this DAG file needs"):
        exec(compile(deployed, "dag.py", "exec", dont_inherit=True), names)
    before = compile(content, "dag.py", "exec", dont_inherit=True)
    after = compile(deployed, "dag.py", "exec", dont_inherit=True)
    assert after.co_flags == before.co_flags, "the same __future__"
    # None when a file has no docstring.
    assert names.get("__doc__") == ast.get_docstring(ast.parse(content), clean=False)
    head, _, rest = deployed.partition(b"\n\n# The next lines were put here by `make deploy`")
    _, _, tail = rest.partition(b'use_release("0123456789ab")\n')
    assert head + tail == content


def test_a_deployed_dag_file_is_the_one_of_the_checkout_with_a_gate() -> None:
    source = (REPOSITORY / "dags/titleholder.py").read_bytes()
    deployed = with_guard(source, "0123456789ab")
    before, _, rest = deployed.partition(b"\n\n# The next lines were put here by `make deploy`")
    gate, _, after = rest.partition(b'use_release("0123456789ab")\n')
    assert before + after == source
    assert gate.count(b"import titleholder") == gate.count(b"from titleholder") == 0


@pytest.mark.parametrize("content", [b"def (:\n", b"# coding: mars\n", b'"\xff"\n', b"a\0\n"])
def test_a_dag_file_that_is_no_python_is_one_sentence(checkout: Path, content: bytes) -> None:
    (checkout / "dags/broken_models.py").write_bytes(content)
    with pytest.raises(
        EnvironmentConfigError, match=r"^dags/broken_models.py is no Python \(.*; correct it"
    ):
        desired_state(checkout)


PARSE = """
import sys
# This project's own installation, which no Composer has.
sys.meta_path = [f for f in sys.meta_path if "__editable__" not in getattr(f, "__module__", "")]
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import _get_plugins
bag = DagBag(sys.argv[1])
for error in bag.import_errors.values():
    print("told", error.strip().splitlines()[-1])
print(sorted(bag.dags), sys.modules["titleholder"].__file__ if bag.dags else "")
plugins, errors = _get_plugins()
print("plugins", [plugin.name for plugin in plugins], errors, "events" in sys.modules)
"""


def airflow(gcs: Path) -> str:
    """What a real Airflow, whose folders are those, makes of them."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", PARSE, str(gcs / "dags")],
        capture_output=True,
        text=True,
        check=False,
        cwd=gcs,
        env=os.environ
        | {
            "AIRFLOW__CORE__DAGS_FOLDER": str(gcs / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(gcs / "plugins"),
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def want(whole: Path) -> DesiredState:
    return desired_state(whole)


def test_airflow_parses_what_was_deployed(want: DesiredState, tmp_path: Path) -> None:
    sync(tmp_path, want.objects)
    said = airflow(tmp_path)
    assert "['linnerud__rollout', 'linnerud__train']" in said
    assert f"/plugins/titleholder-{want.release}/titleholder/__init__.py" in said
    assert "plugins ['titleholder_page'] {} False" in said, "no file of the package is a plugin"


def test_a_dag_file_that_comes_before_its_plugin(want: DesiredState, tmp_path: Path) -> None:
    sync(tmp_path, want.switch)
    said = airflow(tmp_path)
    told = (
        f"told ImportError: plugins/titleholder-{want.release}, which this DAG file needs, has not"
    )
    assert [line.startswith(told) for line in said.splitlines()].count(True) == 2, said
    assert "[] \n" in said, "and no DAG"
