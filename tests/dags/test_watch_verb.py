"""The verb `watch` beside the daily DAG: the last look, and a backtest by a job."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.replay.clock import SandboxClock
from tests.conftest import DAGS_FOLDER
from tests.dags.conftest import Google, Model
from tests.dags.watched import TRAINED, case, day, look
from tests.dags.watched import watched as watched
from tests.titleholder.cli.cli_terminal import Terminal
from titleholder.cli.main import main


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Callable[[Model], Terminal]:
    return lambda made: Terminal(Path(DAGS_FOLDER, "models"), made.name, capsys)


def output(titleholder: Terminal, code: int) -> str:
    """What the verb prints on stdout, also if the answer is not good."""
    titleholder.capsys.readouterr()
    assert main(["watch", titleholder.name, "--models", str(titleholder.models)]) == code
    return titleholder.capsys.readouterr().out


def test_the_last_look_at_the_champion(
    watched: Callable[..., Model], clock: SandboxClock, terminal: Callable[[Model], Terminal]
) -> None:
    made = watched(case("break", 17))
    titleholder = terminal(made)
    before = output(titleholder, code=1)
    assert f"has not been looked at; {made.name}__rollout does so on its schedule" in before

    look(made, clock, 16)
    steady = titleholder("watch")
    assert f"{made.name}@1\n" in steady
    assert "state: steady: the loss of" in steady
    assert str(day(16).date()) in steady
    look(made, clock, 20)
    decayed = output(titleholder, code=1)
    assert "state: decayed: the loss of" in decayed
    answer = titleholder.json("watch", code=1)
    assert answer["phase"] == "decayed"
    assert len(answer["days"]) == 21
    assert answer["days"][-1]["decayed"] is True
    assert answer["next"].startswith("decay of the champion: an early training on")


def test_a_backtest_of_the_last_weeks_changes_nothing(
    watched: Callable[..., Model],
    google: Google,
    clock: SandboxClock,
    terminal: Callable[[Model], Terminal],
) -> None:
    today = datetime.now(UTC).replace(hour=0)
    broken = (today - TRAINED).days - 12
    made = watched(case("break", broken))
    clock.reset()
    before = google.endpoint(made.name)
    titleholder = terminal(made)
    text = titleholder("watch", "--weeks", "8")
    assert f"scoring {made.name}@1 (data until" in text
    assert "a day's loss varies by" in text
    (found,) = (line for line in text.splitlines() if line.startswith("decay found: "))
    begun = day(broken).date()
    assert f"since {begun}" in found
    assert any(
        found.startswith(f"decay found: {begun + timedelta(days=more)} ") for more in range(1, 5)
    )
    answer = titleholder.json("watch", "--weeks", "8")
    assert len(answer["days"]) == 56
    assert sum(one["naive_alarm"] for one in answer["days"]) >= 10
    assert len(answer["decays"]) == 1
    short = titleholder("watch", "--weeks", "1")
    assert "the reference needs 14: look further back with --weeks" in short
    assert "on the last week\n" in short
    assert "no older version is registered" not in short
    assert "no older version is registered: only the days after its data are scored" in titleholder(
        "watch", "--weeks", "104"
    )
    assert google.endpoint(made.name) == before
    assert "is not a number of weeks" in titleholder("watch", "--weeks", "0", code=2)
