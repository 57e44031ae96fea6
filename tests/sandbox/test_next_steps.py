"""What can be done next, when a command has ended."""

import io
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.next_steps import after_up
from sandbox.services.postgres import connect
from sandbox.services.services import PORTS
from sandbox.state import Home, State
from sandbox.terminal import Terminal
from tests.conftest import Sandbox
from tests.sandbox.database import serving
from tests.titleholder.page.model_sections import CONFIG
from titleholder_page import TitleholderPage


def test_after_up_the_page_and_the_dag_have_their_addresses(tmp_path: Path) -> None:
    file = io.StringIO()
    state = State(ports=dict.fromkeys([*PORTS, "airflow"], 8081))
    home = Home(tmp_path)
    with serving(home), closing(connect(home.database)) as connection:
        connection.cursor().execute(
            "CREATE TABLE dag (dag_id text, is_paused boolean, is_stale boolean)"
        )
        connection.commit()
        after_up(home, state, Terminal(file), [CONFIG])
    route = TitleholderPage.external_views[0]["url_route"]
    words = file.getvalue().split()
    assert words[words.index("Titleholder") + 1] == f"http://127.0.0.1:8081/plugin/{route}"
    assert "http://127.0.0.1:8081/dags?tags=titleholder" in words
    assert "all DAGs are paused." in file.getvalue()


class _Interrupting(io.StringIO):
    """Ctrl-C at the first output."""

    def write(self, text: str) -> int:
        raise KeyboardInterrupt


def test_an_interrupted_command_says_what_still_runs(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", _Interrupting())
    assert main(["--var", str(sandbox.var), "status"]) == 130
    assert capsys.readouterr().err.strip() == (
        f"sandbox: interrupted; `sandbox --var {sandbox.var} down` stops the services that run, "
        "or repeat the command"
    )
