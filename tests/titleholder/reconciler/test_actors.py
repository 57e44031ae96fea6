"""Several actors and a person at the console on one endpoint, interleaved call by call."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.titleholder.reconciler.state_machine import Rollouts, Theatre


class Inline:
    """In place of the threads that load models: one is loaded when the call is answered, so that
    what comes next does not depend on how fast this machine is."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def submit(self, work: Callable[..., None], *arguments: Any) -> None:
        work(*arguments)

    def shutdown(self, **_: Any) -> None: ...


@pytest.fixture
def theatre(monkeypatch: pytest.MonkeyPatch) -> Theatre:
    found = Theatre()
    monkeypatch.setattr("sandbox.vertex.operations.lifecycle.ThreadPoolExecutor", Inline)
    monkeypatch.setattr(
        "titleholder.gcp.vertex.endpoints.client", lambda kind, _: found.channel.client(kind)
    )
    return found


def play(theatre: Theatre, examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        type("Rollouts", (Rollouts,), {"theatre": theatre}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            # To explain takes longer than to shrink, and says less.
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def test_actors_keep_the_promises_whatever_the_order(theatre: Theatre) -> None:
    play(theatre, 500, 11, derandomize=True)
    assert theatre.played >= 500


@pytest.mark.long
def test_actors_keep_the_promises_for_a_night(theatre: Theatre) -> None:
    play(theatre, 5000, 30)
    assert theatre.played >= 5000
