"""The store: invalid files, full disks, transactions."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types

from sandbox.vertex import __main__ as server
from sandbox.vertex.store import Store
from tests.sandbox.conftest import PROJECT

LOCATION = f"projects/{PROJECT}/locations/us-central1"


def _with_body(path: Path) -> None:
    store = Store(path)
    store.put(f"{LOCATION}/endpoints/x", types.Endpoint(display_name="x"))
    store.close()


def _not_sqlite(path: Path) -> None:
    path.write_bytes(b"This is a letter to my aunt.\n" * 500)


def _other_program(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmark (url TEXT)")
    other.close()


def _other_resource(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE resource (id INTEGER, name TEXT)")
    other.close()


def _other_application(path: Path) -> None:
    _with_body(path)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id = 1234")
    other.close()


def _cut_short(path: Path) -> None:
    _with_body(path)
    path.write_bytes(path.read_bytes()[:9000])


def _garbage_inside(path: Path) -> None:
    _with_body(path)
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(random.Random(1).randbytes(4096))
    path.write_bytes(content)


def _no_message(path: Path) -> None:
    _with_body(path)
    with sqlite3.connect(path) as other:
        other.execute(
            "INSERT INTO resource (kind, name, body) VALUES ('Operation', 'projects/x', x'ffff')"
        )
    other.close()


@pytest.mark.parametrize(
    "damage",
    [
        _not_sqlite,
        _other_program,
        _other_resource,
        _other_application,
        _cut_short,
        _garbage_inside,
        _no_message,
    ],
)
def test_a_foreign_or_damaged_file_is_refused(
    damage: Callable[[Path], None],
    tmp_path: Path,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.host)
    path = tmp_path / "vertex.sqlite"
    damage(path)
    before = path.read_bytes()
    with pytest.raises(SystemExit) as raised:
        server.main(["--port", "1", "--home", str(tmp_path), "--project", PROJECT])
    assert raised.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{path} is not a store of the sandbox's Vertex AI, or is damaged (" in error
    assert error.endswith("move it away, or delete it to start with an empty store.")
    assert path.read_bytes() == before


def test_an_invalid_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "vertex.sqlite", tmp_path / "folder"):
        with pytest.raises(ValueError, match="cannot be opened"):
            Store(path)


def test_a_full_disk_fails_the_change_but_not_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "vertex.sqlite")
    try:
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        large = types.Endpoint(display_name="x" * 100_000)

        def change() -> None:
            with store.transaction():
                store.put("small", types.Endpoint(display_name="y"))
                store.put("large", large)

        with pytest.raises(sqlite3.OperationalError, match="full"):
            change()
        assert store.list(types.Endpoint, "") == []
        store._db.execute("PRAGMA max_page_count = 1000000")
        store.put("large", large)
        assert store.get(types.Endpoint, "large") == large
    finally:
        store.close()


def test_after_commit_runs_after_a_commit_and_not_after_a_rollback(
    tmp_path: Path,
) -> None:
    store, done = Store(tmp_path / "vertex.sqlite"), []
    try:
        store.after_commit(lambda: done.append("at once"))
        with store.transaction():
            with store.transaction():
                store.after_commit(lambda: done.append("after it"))
            assert done == ["at once"]
        assert done == ["at once", "after it"]

        def fail() -> None:
            with store.transaction():
                store.after_commit(lambda: done.append("never"))
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        with store.transaction():
            store.put("one", types.Endpoint())
        assert done == ["at once", "after it"]
    finally:
        store.close()
