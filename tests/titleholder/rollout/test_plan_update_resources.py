"""Plans that give deployed models the machine settings of the model's file."""

from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

from tests.titleholder.rollout.scenes import (
    NEW,
    OLD,
    candidate,
    deployed,
    foreign,
    run,
    view,
)
from titleholder.config.endpoint import Endpoint, EndpointType, Resources
from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.naming import deployed_model_ids_of
from titleholder.rollout.descriptions import describe_change, describe_steps
from titleholder.rollout.intents import Promote, RollBack, UpdateResources, intent_from
from titleholder.rollout.plan import plan
from titleholder.rollout.resources import settings_text
from titleholder.rollout.roles import Roles
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Alias, Deploy, SetTraffic, Undeploy, UpdateReplicas, call_of
from titleholder.rollout.view import DeployedModel, View

SMALL = Resources("n1-standard-4")
NEW_COPY, OLD_COPY, OLDER_COPY = (deployed_model_ids_of(run(ago).name)[1] for ago in range(3))
PAIR = Roles(OLD, NEW)


def small(weeks_ago: int, percentage: int = 0, **changes: Any) -> DeployedModel:
    return replace(deployed(weeks_ago, percentage), resources=SMALL, **changes)


def with_file(found: View, **endpoint: Any) -> View:
    """The view, while the model's file has these keys of `endpoint`."""
    configured = Endpoint.model_validate({"display_name": "m1", **endpoint})
    steps = plan(replace(found, configured=None), UpdateResources()).steps
    aliases = [one for one in steps if isinstance(one, Alias)]
    return replace(reduce(apply_to_view, aliases, found), configured=configured)


CHALLENGED = view(small(1, 90), small(0, 10), roles=PAIR)


def test_nothing_to_change() -> None:
    same = plan(with_file(CHALLENGED), UpdateResources())
    assert same.steps == ()
    assert same.answer == (
        "nothing to change: the deployed models have the machine settings of m1.yaml"
    )
    assert settings_text(with_file(CHALLENGED)) == []


def test_replicas_are_changed_in_place() -> None:
    found = with_file(CHALLENGED, min_replicas=2)
    wanted = Resources("n1-standard-4", None, 2, 2)
    steps = plan(found, UpdateResources()).steps
    updates = [UpdateReplicas(OLD, wanted), UpdateReplicas(NEW, wanted)]
    assert [one for one in steps if isinstance(one, UpdateReplicas)] == updates
    records = steps[::2]
    assert [one.announces for one in records if isinstance(one, SetTraffic)] == updates
    for one in records:
        assert isinstance(one, SetTraffic)
        assert (one.split, one.roles) == ({OLD: 90, NEW: 10}, PAIR)
    assert settings_text(found)[0] == (
        "machine settings of m1@9 differ from m1.yaml (min_replicas 2, is 1, max_replicas 2, is "
        "1): apply with `titleholder update-resources m1`"
    )
    assert describe_steps(steps, found)[:2] == [
        "update_resources: record that the replicas of m1@9 change",
        "set the replicas of m1@9 to 2",
    ]
    assert isinstance(records[0], SetTraffic)
    assert describe_change(found, records[0], UpdateResources()) == (
        "m1@9 gets other machine settings: min_replicas 2 instead of 1, max_replicas 2 instead of 1"
    )
    assert call_of(updates[0], found) == (
        f"EndpointService.MutateDeployedModel(id='{OLD}', min_replica_count=2, "
        "max_replica_count=2, autoscaling_metric_specs={})"
    )


def test_a_change_of_replicas_is_recorded_once() -> None:
    found = with_file(CHALLENGED, max_replicas=3, autoscaling={"cpu_utilization": 70})
    first, *rest = plan(found, UpdateResources()).steps
    interrupted = apply_to_view(found, first)
    assert plan(interrupted, UpdateResources()).steps == tuple(rest)
    other = with_file(interrupted, max_replicas=4)
    (again, *_) = plan(other, UpdateResources()).steps
    assert isinstance(again, SetTraffic), "another change"
    assert describe_steps(rest[:1], interrupted) == [
        "set the replicas of m1@9 to 1 to 3 by cpu_utilization 70"
    ]


@pytest.mark.parametrize(
    "endpoint",
    [
        {"machine_type": "n1-standard-8"},
        {"accelerator": {"type": "NVIDIA_TESLA_T4"}},
        {"service_account": "models@my-project.iam.gserviceaccount.com"},
    ],
)
def test_other_machines_need_another_deployment(endpoint: dict[str, Any]) -> None:
    found = with_file(CHALLENGED, **endpoint)
    steps = plan(found, UpdateResources()).steps
    champion, challenger = run(1).name, run(0).name
    middle, end = Roles(OLD_COPY, NEW), Roles(OLD_COPY, NEW_COPY)
    action = Action.UPDATE_RESOURCES
    assert steps == (
        Deploy(OLD_COPY, champion, champion),
        SetTraffic({OLD_COPY: 90, NEW: 10}, middle, action),
        Undeploy(OLD),
        Deploy(NEW_COPY, challenger, challenger),
        SetTraffic({OLD_COPY: 90, NEW_COPY: 10}, end, action),
        Undeploy(NEW),
    )
    done = reduce(apply_to_view, steps, found)
    assert plan(done, UpdateResources()).steps == ()
    # And back, under the primary ids.
    back = plan(with_file(done), UpdateResources()).steps
    assert {one.deployed_model_id for one in back if isinstance(one, Deploy)} == {OLD, NEW}


def test_an_interrupted_update_goes_on() -> None:
    found = with_file(CHALLENGED, machine_type="n1-standard-8")
    steps = plan(found, UpdateResources()).steps
    for number, step in enumerate(steps, 1):
        found = apply_to_view(found, step)
        assert plan(found, UpdateResources()).steps == steps[number:]
        assert sum(found.split.values()) == 100
        assert found.deployed_model(found.labels["champion"]) is not None
    moved = apply_to_view(with_file(CHALLENGED, machine_type="n1-standard-8"), steps[0])
    assert isinstance(steps[1], SetTraffic)
    assert describe_change(moved, steps[1], UpdateResources()) == (
        "m1@9 gets other machine settings, and was deployed again for that: machine_type "
        "n1-standard-8 instead of n1-standard-4"
    )


def test_a_copy_with_outdated_settings_is_replaced() -> None:
    found = with_file(CHALLENGED, machine_type="n1-standard-8")
    (first, *_) = plan(found, UpdateResources()).steps
    again = with_file(apply_to_view(found, first), machine_type="n1-standard-16")
    assert plan(again, UpdateResources()).steps[:2] == (Undeploy(OLD_COPY), first)
    # The file is as it was: nothing is deployed again, and the copy goes.
    assert plan(with_file(again), UpdateResources()).steps == (Undeploy(OLD_COPY),)


@pytest.mark.parametrize("role", ["previous_champion", "last_challenger"])
def test_a_copy_with_a_role_without_traffic_is_used(role: str) -> None:
    """`adopt` in the middle of an update gives the copy a role, which it keeps after that."""
    roles = Roles(OLD, **{role: OLD_COPY})
    found = with_file(view(small(1, 100), roles=roles), machine_type="n1-standard-8")
    champion = run(1).name
    deploy = Deploy(OLD_COPY, champion, champion)
    rest = (
        SetTraffic({OLD_COPY: 100}, Roles(OLD_COPY), Action.UPDATE_RESOURCES),
        Undeploy(OLD),
    )
    assert plan(found, UpdateResources()).steps == (deploy, *rest)
    found = apply_to_view(found, deploy)
    assert plan(found, UpdateResources()).steps == rest
    # With other settings in the file it is replaced.
    other = with_file(found, machine_type="n1-standard-16")
    assert plan(other, UpdateResources()).steps == (Undeploy(OLD_COPY), deploy, *rest)
    for step in rest:
        found = apply_to_view(found, step)
    assert plan(found, UpdateResources()).steps == ()
    assert role.replace("_", "-") not in found.labels


def test_one_version_as_champion_and_challenger_cannot_be_deployed_again() -> None:
    twice = view(small(1, 70), small(1, 30, id=OLD_COPY), roles=Roles(OLD, OLD_COPY))
    sentence = (
        "the champion and the challenger on e are one version, m1@9, so it cannot be deployed "
        "again beside them; remove the challenger with `titleholder rollback m1`, then repeat this"
    )
    found = with_file(twice, machine_type="n1-standard-8")
    with pytest.raises(ManualActionRequired) as raised:
        plan(found, UpdateResources())
    assert str(raised.value) == sentence
    replicas = plan(with_file(twice, min_replicas=2), UpdateResources()).steps
    changed = [one.deployed_model_id for one in replicas if isinstance(one, UpdateReplicas)]
    assert changed == [OLD, OLD_COPY], "in place, both"
    alone = reduce(apply_to_view, plan(found, RollBack(OLD_COPY)).steps, found)
    done = reduce(apply_to_view, plan(alone, UpdateResources()).steps, alone)
    assert [one.id for one in done.deployed_models] == [OLD_COPY]


def test_models_without_traffic_make_room() -> None:
    promoted = view(small(0, 100), small(1), roles=Roles(NEW, None, OLD))
    steps = plan(with_file(promoted, machine_type="n1-standard-8"), UpdateResources()).steps
    assert steps[0] == Undeploy(OLD)
    assert steps[2:] == (
        SetTraffic({NEW_COPY: 100}, Roles(NEW_COPY, None, OLD), Action.UPDATE_RESOURCES),
        Undeploy(NEW),
    )
    updates = plan(with_file(promoted, min_replicas=2), UpdateResources()).steps
    changed = [one.deployed_model_id for one in updates if isinstance(one, UpdateReplicas)]
    assert changed == [NEW, OLD], "replicas are changed without traffic, too"


def test_a_model_of_no_training_run_keeps_its_machines() -> None:
    theirs = foreign(resources=Resources("n1-standard-2"))
    found = view(theirs, roles=Roles(theirs.id))
    wider = with_file(found, min_replicas=2)
    planned = plan(wider, UpdateResources())
    update = UpdateReplicas(theirs.id, Resources("n1-standard-2", None, 2, 2))
    assert planned.steps[1] == update
    done = plan(reduce(apply_to_view, planned.steps, wider), UpdateResources())
    assert done.steps == ()
    assert done.summary == (
        "the deployed models have the machine settings of m1.yaml, except the machines of x@1, "
        "which no training run deployed"
    )
    two = (replace(theirs, traffic_percentage=90), replace(theirs, id="7", traffic_percentage=10))
    both = with_file(view(*two, roles=Roles(theirs.id, "7")))
    assert plan(both, UpdateResources()).summary.endswith(
        f"the machines of x@1 (id {theirs.id}), x@1 (id 7), which no training run deployed"
    )


def test_the_candidates_of_running_weeks_are_left_alone() -> None:
    waiting = view(small(1, 100), small(0), roles=Roles(OLD))
    steps = plan(with_file(waiting, machine_type="n1-standard-8"), UpdateResources()).steps
    assert Undeploy(NEW) not in steps
    # And a weekly run undeploys the copy of an update last.
    updating = apply_to_view(with_file(waiting, machine_type="n1-standard-8"), steps[0])
    assert plan(updating, candidate()).steps[1:2] == (Undeploy(OLD_COPY),)


def test_what_cannot_be_updated() -> None:
    drifted = replace(CHALLENGED, deployed_models=(small(1, 80), small(0, 20)))
    with pytest.raises(DriftDetected):
        plan(drifted, UpdateResources())
    dedicated = replace(with_file(CHALLENGED, min_replicas=2), type=EndpointType.DEDICATED)
    with pytest.raises(ManualActionRequired, match=r"is a dedicated endpoint and m1\.yaml wants"):
        plan(dedicated, UpdateResources())
    with pytest.raises(InvalidRequest, match="update_resources takes no deployed model id; leave"):
        intent_from("update_resources", "7")


def test_an_intent_follows_its_model_to_the_other_id() -> None:
    found = with_file(CHALLENGED, machine_type="n1-standard-8")
    done = reduce(apply_to_view, plan(found, UpdateResources()).steps, found)
    assert plan(done, Promote(NEW)).steps[0] == SetTraffic(
        {NEW_COPY: 100}, Roles(NEW_COPY, None, OLD_COPY), Action.PROMOTE
    )
    assert Undeploy(NEW_COPY) in plan(done, RollBack(NEW)).steps
    # The weekly run of the challenger has nothing to do, the one of a newer week replaces it.
    assert plan(done, candidate()).steps == ()
    assert plan(done, candidate(1)).outcome == Action.SUPERSEDED


def test_the_previous_champion_comes_back_under_the_id_that_it_had() -> None:
    champion = view(small(0, 100), roles=Roles(NEW, None, OLDER_COPY))
    steps = plan(champion, intent_from("undo_promotion", OLDER_COPY)).steps
    assert [one.deployed_model_id for one in steps if isinstance(one, Deploy)] == [OLDER_COPY]
