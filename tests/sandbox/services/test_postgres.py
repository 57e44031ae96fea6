"""The server of the local Airflow's database: its socket, and its start after it was killed."""

import os
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.services import postgres
from sandbox.services.processes import alive, stop, wait_until_healthy
from sandbox.state import Home, Running
from tests.sandbox.database import serving, started


def ask(home: Home, statement: str) -> Any:
    with closing(postgres.connect(home.database)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()
        return cursor.fetchall() if cursor.description else None


@pytest.mark.parametrize(
    "name", ["short", "with a blank, a+b and 100 %", "/".join(["deep" * 10] * 5)]
)
def test_a_folder_of_any_name_is_served_on_a_socket_of_this_user_only(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / name)
    monkeypatch.setenv("PGPORT", "6111")
    with serving(home) as running:
        # Its processes inherit what it listens on.
        assert psutil.Process(running.pid).net_connections("inet") == []
        assert ask(home, "SELECT current_setting('data_directory')") == [
            (str(home.data("postgres") / "data"),)
        ]
        for folder in (home.sockets, home.data("postgres")):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert folder.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("open_to_others", ["a mode", "a link"])
def test_a_socket_folder_that_others_can_open_is_refused(
    tmp_path: Path, open_to_others: str
) -> None:
    home = Home(tmp_path / ("deep" * 30))
    if open_to_others == "a link":
        home.sockets.symlink_to(tmp_path)
    else:
        home.sockets.mkdir()
        home.sockets.chmod(0o755)
    try:
        with pytest.raises(OSError, match=f"{home.sockets} is not a folder that only you can"):
            postgres.service(home).prepare()
    finally:
        home.sockets.unlink() if home.sockets.is_symlink() else home.sockets.rmdir()


def killed(running: Running) -> None:
    """All of the server's processes at once."""
    _kill(running, [psutil.Process(running.pid), *psutil.Process(running.pid).children()])


def killed_alone(running: Running) -> None:
    """The server, whose processes then end by themselves."""
    _kill(running, [psutil.Process(running.pid)])


def _kill(running: Running, killed: list[psutil.Process]) -> None:
    family = [*killed, *psutil.Process(running.pid).children()]
    for member in killed:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    _, remaining = psutil.wait_procs(family, 20)
    assert not remaining


def stopped(running: Running) -> None:
    stop([running])


@pytest.mark.parametrize("end", [killed, killed_alone, stopped])
@pytest.mark.parametrize("reused", [False, True])
def test_what_was_committed_is_there_after_any_end(
    tmp_path: Path, end: Callable[[Running], None], reused: bool
) -> None:
    home = Home(tmp_path)
    data = home.data("postgres") / "data"
    with serving(home) as running:
        ask(home, "CREATE TABLE kept AS SELECT 1 AS value")
        end(running)
        assert not alive(running)
    assert (data / "postmaster.pid").exists() == (end is not stopped)
    if reused:  # the pid belongs to another process of this user now
        home.sockets.mkdir(0o700)
        for lock in (data / "postmaster.pid", home.sockets / ".s.PGSQL.5432.lock"):
            lock.write_text(f"{os.getpid()}\n{data}\n")
    with serving(home):
        assert ask(home, "SELECT value FROM kept") == [(1,)]


def test_a_creation_that_was_interrupted_begins_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    half = home.data("postgres") / "new"
    half.mkdir(parents=True)
    half.parent.chmod(0o700)
    (half / "PG_VERSION").write_text("18\n")
    with serving(home):
        assert ask(home, "SELECT 1") == [(1,)]
    assert not half.exists()


def test_root_without_setpriv_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="install util-linux, or repeat this as another user"):
        postgres.service(Home(tmp_path / "var")).prepare()
    assert not (tmp_path / "var").exists()


def test_a_server_that_cannot_start_is_not_healthy_and_its_log_says_why(tmp_path: Path) -> None:
    home = Home(tmp_path)
    service = postgres.service(home)
    service.prepare()
    (home.data("postgres") / "data" / "PG_VERSION").write_text("17\n")
    with started(home) as running:
        assert not wait_until_healthy(running, service.health, None, 60)
    assert "initialized by PostgreSQL version 17" in home.log("postgres").read_text()
