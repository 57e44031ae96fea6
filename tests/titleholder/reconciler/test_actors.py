"""Several actors and manual edits on one endpoint, interleaved call by call."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.titleholder.reconciler.in_memory_vertex import Inline
from tests.titleholder.reconciler.state_machine import Examples, Rollouts


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Examples:
    examples = Examples()
    monkeypatch.setattr("sandbox.vertex.operations.lifecycle.ThreadPoolExecutor", Inline)
    monkeypatch.setattr(
        "titleholder.gcp.vertex.endpoints.make_client",
        lambda kind, _: examples.channel.client(kind),
    )
    return examples


def run(examples: Examples, number: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        type("Rollouts", (Rollouts,), {"examples": examples}),
        settings=settings(
            max_examples=number,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            # Without the explain phase, which takes longer than shrinking.
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def test_every_invariant_holds_in_any_order_of_calls(examples: Examples) -> None:
    run(examples, 120, 11, derandomize=True)
    assert examples.finished >= 120


@pytest.mark.long
def test_every_invariant_holds_in_many_longer_runs(examples: Examples) -> None:
    run(examples, 5000, 30)
    assert examples.finished >= 5000


def test_an_update_that_was_adopted_half_way_can_be_repeated(examples: Examples) -> None:
    """The copy becomes challenger, then last challenger, and is then deployed again as copy."""
    one = type("Rollouts", (Rollouts,), {"examples": examples})()
    one.set_up("first_champion", "recreate", keep=True, week=1)
    one.operator("update_resources")
    one.weekly_run(week=0)
    one.actor_fails(pick=0, order="die")
    one.actor_steps(pick=0, calls=8)
    one.time_passes(seconds=30)
    for _ in range(2):  # After an even number of edits the drift is adopted.
        one.edited_by_hand(kind="set_split", pick=0)
    one.teardown()
    assert [actor.name for actor in one.scheduler.actors].count("adopt") == 1
