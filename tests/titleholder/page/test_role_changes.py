"""The changes that a person may request, by the state of the endpoint."""

from dataclasses import replace

from tests.titleholder.page.model_sections import CONFIG
from tests.titleholder.rollout.scenes import NEW, OLD, deployed, foreign, view
from titleholder.page.role_changes import role_changes
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View

CONTESTED = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW))
PROMOTED = view(deployed(0, 100), deployed(1), roles=Roles(NEW, None, OLD))


def intents(of: View) -> list[tuple[str, str, int | None]]:
    return [
        (one.intent, one.deployed_model_id, one.traffic_percentage)
        for one in role_changes(of, CONFIG)
    ]


def test_a_challenger_can_be_promoted_moved_and_removed() -> None:
    assert intents(CONTESTED) == [
        ("promote", NEW, None),
        ("rollback", NEW, None),
        ("abort", NEW, None),
        ("set_traffic", NEW, 10),
    ]
    promote, rollback, *_ = role_changes(CONTESTED, CONFIG)
    assert promote.version == "m1@10"
    assert promote.steps[0] == "promote: 100 % to m1@10 (champion m1@10, challenger none)"
    assert rollback.steps[:2] == [
        "rollback: 100 % to m1@9 (champion m1@9, challenger none)",
        "undeploy m1@10",
    ]


def test_a_promotion_can_be_undone() -> None:
    assert intents(PROMOTED) == [("undo_promotion", OLD, None)]


def test_drift_can_be_adopted_or_restored_and_the_challenger_removed() -> None:
    moved = (deployed(1, 60), deployed(0, 40))
    assert [one for one, _, _ in intents(replace(CONTESTED, deployed_models=moved))] == [
        "rollback",
        "abort",
        "adopt",
        "restore",
    ]


def test_nothing_can_be_requested_where_nothing_is_known() -> None:
    assert intents(View("m1", None)) == []
    assert intents(View("m1", "e")) == []
    # A split that Vertex AI does not have.
    assert [one for one, _, _ in intents(view(foreign(percentage=90)))] == []
