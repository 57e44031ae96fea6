"""`titleholder report`: the page as a file."""

import os
from datetime import UTC, datetime
from pathlib import Path

from tests.titleholder.cli.cli_terminal import Terminal
from titleholder.cli.context import CommandContext
from titleholder.cli.main import main
from titleholder.config.loader import load_model
from titleholder.events.event import Event


def test_runs_have_links(own_terminal: Terminal, tmp_path: Path) -> None:
    name, out = own_terminal.name, tmp_path / "page.html"
    context = CommandContext.of(load_model(own_terminal.models / f"{name}.yaml"), os.environ)
    runs = {"airflow": f"{name}__train/scheduled__1", "dag_test": f"{name}__train/manual__2"}
    context.events.append(
        Event(
            id=f"{name}-{actor}",
            time=datetime.now(UTC),
            model=name,
            action="evaluated",
            reason="hold: not yet",
            actor=actor,
            run=run,
        )
        for actor, run in runs.items()
    )
    output = own_terminal("report", "--out", str(out), "--airflow", "https://a.b")
    assert output == f"{out}: 1 model\n"
    html = out.read_text(encoding="utf-8")
    assert f'href="https://a.b/dags/{name}__train/runs/scheduled__1"' in html
    assert f'href="https://a.b/dags/{name}__train/runs/manual__2"' in html
    (own_terminal.models / "broken.yaml").write_text("model: broken\n")
    assert main(["report", "--models", str(own_terminal.models), "--out", str(out)]) == 1
    assert own_terminal.capsys.readouterr().out == f"{out}: 2 models, 1 incomplete\n"
