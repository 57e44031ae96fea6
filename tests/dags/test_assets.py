"""The assets of a model: one asset event for each change of its champion or challenger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.execution_time.context import TaskStateStoreAccessor

from tests.dags.conftest import LAST_MONDAY, Google, Model, deploy_champion, engine_of
from tests.dags.contested import events_of
from titleholder.events.event import NO_CHANGE_ACTIONS
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.operators.announce import Announcements
from titleholder.operators.apply_decision import ApplyDecisionOperator
from titleholder.reconciler import engine as reconcile
from titleholder.rollout.intents import Promote, UpdateResources

WEEK = timedelta(weeks=1)


class WorkerDied(Exception):
    """Raised in the place of a killed worker."""


def updates(made: Model) -> list[tuple[str, dict[str, Any]]]:
    """(role, extra) of the asset events that Airflow has registered for the model, in order."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(AssetEvent).order_by(AssetEvent.id))
        named = [(event.asset.name, event.asset.uri, event.extra) for event in found]
    mine = [(name, uri, extra) for name, uri, extra in named if name.startswith(f"{made.name}/")]
    assert all(name == uri for name, uri, _ in mine)
    return [(name.removeprefix(f"{made.name}/"), extra) for name, _, extra in mine]


def roles(made: Model) -> list[tuple[str, str | None, int]]:
    """(role, version, traffic percentage) of those."""
    return [(role, extra["version"], extra["traffic_percentage"]) for role, extra in updates(made)]


def test_each_change_updates_the_assets_once(model: Callable[..., Model], google: Google) -> None:
    made = model()
    assert made.run(LAST_MONDAY - WEEK).state == "success"
    (first,) = updates(made)
    champion = google.endpoint(made.name).deployed_models[0]
    (event,) = events_of(made)
    assert first == (
        "champion",
        {
            "version": f"{made.name}@1",
            "deployed_model_id": champion.id,
            "traffic_percentage": 100,
            "previous_version": None,
            "action": "first_champion",
            "reason": event.reason,
            "evidence": event.evidence,
            "run": event.run,
            "actor": event.actor,
            "endpoint": google.endpoint(made.name).name,
            "time": event.time.isoformat(timespec="seconds"),
            "event": event.id,
        },
    )

    # A repeated run changes nothing, nor does an older week, which is only registered.
    assert made.run(LAST_MONDAY - WEEK).state == "success"
    assert made.run(LAST_MONDAY - 2 * WEEK).state == "success"
    assert len(updates(made)) == 1

    trained = made.run()
    challenger = f"{made.name}@3"
    assert roles(made)[1:] == [("challenger", challenger, 10)]
    assert made.clear(trained.run_id, "update_traffic", dag="train").tasks == {
        "update_traffic": "success"
    }
    assert len(updates(made)) == 2

    assert made.run(None, dag="rollout", intent="set_traffic", traffic_percentage=30)
    assert roles(made)[2:] == [("challenger", challenger, 30)]
    assert made.run(None, dag="rollout", intent="promote", reason="it is better")
    assert roles(made)[3:] == [("champion", challenger, 100), ("challenger", None, 0)]
    promoted = updates(made)[3][1]
    assert promoted["previous_version"] == f"{made.name}@1"
    assert promoted["evidence"]["reason"] == "it is better"
    assert made.run(None, dag="rollout", intent="undo_promotion")
    assert roles(made)[5:] == [("champion", f"{made.name}@1", 100)]

    # Those with a change, and no others.
    changes = [one.id for one in events_of(made) if one.action not in NO_CHANGE_ACTIONS]
    assert list(dict.fromkeys(extra["event"] for _, extra in updates(made))) == changes


def test_a_worker_that_dies_around_every_step(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    deploy_champion(google, made, LAST_MONDAY - WEEK)
    real = Endpoints.apply
    calls = 0

    def apply_or_die(self: Endpoints, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise WorkerDied
        real(self, *arguments)
        raise WorkerDied

    monkeypatch.setattr(Endpoints, "apply", apply_or_die)
    run = made.run(retries=20)
    assert run.state == "success", run.errors
    assert roles(made) == [("challenger", f"{made.name}@2", 10)]
    # The row in the events table had to be reconstructed.
    assert updates(made)[0][1]["reason"].startswith(f"{made.name}@2 becomes challenger")


def test_a_change_before_a_deferral(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model(rollout__keep_previous_champion=False)
    for week in (LAST_MONDAY - WEEK, LAST_MONDAY):
        assert made.run(week).state == "success"
    monkeypatch.setattr(reconcile, "INLINE_WAIT", timedelta(0))
    run = made.run(None, dag="rollout", intent="promote")
    assert run.state == "success", run.errors
    assert roles(made)[2:] == [("champion", f"{made.name}@2", 100), ("challenger", None, 0)]


def test_a_task_state_store_that_does_not_answer(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ConnectionError("the API server is gone")

    for name in ("get", "set"):
        monkeypatch.setattr(TaskStateStoreAccessor, name, refuse)
    made = model()
    assert made.run().state == "success"
    assert roles(made) == [("champion", f"{made.name}@1", 100)]


@pytest.mark.long
def test_an_update_that_was_overtaken_is_left_out(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    assert made.run(LAST_MONDAY - WEEK).state == "success"
    real = Endpoints.apply

    def fail_after_traffic(self: Endpoints, step: Any, *arguments: Any) -> Any:
        done = real(self, step, *arguments)
        if type(step).__name__ == "SetTraffic":
            raise WorkerDied
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Endpoints, "apply", fail_after_traffic)
        failed = made.run()
    assert failed.state == "failed"
    assert len(updates(made)) == 1, "an attempt that fails updates nothing"
    made.run(None, dag="rollout", intent="set_traffic", traffic_percentage=50)
    assert made.clear(failed.run_id, "update_traffic", dag="train").tasks == {
        "update_traffic": "success"
    }
    assert roles(made)[1:] == [("challenger", f"{made.name}@2", 50)]


@pytest.mark.long
def test_a_change_after_one_whose_update_is_missing(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model()
    for week in (LAST_MONDAY - WEEK, LAST_MONDAY):
        assert made.run(week).state == "success"

    def refuse(*_: Any, **__: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr(Announcements, "register", refuse)
        failed = made.run(None, dag="rollout", intent="promote")
    assert failed.state == "failed"
    made.configure("endpoint", machine_type="n1-standard-8")
    engine = engine_of(made)
    engine.run(engine.resolve_target(UpdateResources())[0])
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(ApplyDecisionOperator, "updates_assets_for_others", True)
    made.clear(failed.run_id, "update_traffic", clock=lambda: later)
    assert roles(made)[2:] == [("champion", f"{made.name}@2", 100), ("challenger", None, 0)]


def test_a_task_state_store_with_something_else(
    model: Callable[..., Model], google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TaskStateStoreAccessor, "get", lambda *_: [{}])
    made = model()
    assert made.run().state == "success"
    assert roles(made) == [("champion", f"{made.name}@1", 100)]


@pytest.mark.long
def test_a_change_outside_airflow_is_left_to_its_caller_for_an_hour(
    model: Callable[..., Model], google: Google
) -> None:
    made = model()
    for week in (LAST_MONDAY - WEEK, LAST_MONDAY):
        assert made.run(week).state == "success"
    engine = engine_of(made)
    engine.run(engine.resolve_target(Promote())[0])
    assert len(updates(made)) == 2

    def later(hours: int) -> Callable[[], datetime]:
        return lambda: datetime.now(UTC) + timedelta(hours=hours)

    assert made.run(clock=later(0)).state == "success"
    assert len(updates(made)) == 2
    assert made.run(clock=later(2)).state == "success"
    assert made.run(clock=later(3)).state == "success"
    assert roles(made)[2:] == [("champion", f"{made.name}@2", 100), ("challenger", None, 0)]
    assert updates(made)[2][1]["action"] == "promote"
