"""What `up` prints at its end."""

import io
from pathlib import Path

from sandbox.next_steps import after_up
from sandbox.services.services import PORTS
from sandbox.state import Home, State
from sandbox.terminal import Terminal
from titleholder_page import TitleholderPage


def test_after_up_the_page_and_the_dag_have_their_addresses(tmp_path: Path) -> None:
    file = io.StringIO()
    state = State(ports=dict.fromkeys([*PORTS, "airflow"], 8081))
    after_up(Home(tmp_path), state, Terminal(file), ["linnerud"])
    route = TitleholderPage.external_views[0]["url_route"]
    words = file.getvalue().split()
    assert words[words.index("Titleholder") + 1] == f"http://127.0.0.1:8081/plugin/{route}"
    assert "http://127.0.0.1:8081/dags/linnerud__train" in words
