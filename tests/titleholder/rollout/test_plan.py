"""Invariants of plans, for any sequence of interrupted processes and for any view."""

from dataclasses import replace
from itertools import zip_longest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.titleholder.rollout.scenes import (
    NEW,
    OLD,
    OLDER,
    VERSIONS,
    candidate,
    deployed,
    foreign,
    run,
    view,
)
from titleholder.config.endpoint import Endpoint
from titleholder.config.rollout import Rollout
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.naming import deployed_model_ids_of
from titleholder.rollout.display_names import traffic_summary
from titleholder.rollout.drift import find_drift
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    DeployCandidate,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
    UpdateResources,
)
from titleholder.rollout.plan import plan
from titleholder.rollout.resources import settings_text
from titleholder.rollout.roles import Roles
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import SetTraffic
from titleholder.rollout.view import View

policies = st.builds(
    Rollout,
    replacement=st.sampled_from(["recreate", "surge"]),
    keep_previous_champion=st.booleans(),
)
names = st.sampled_from(
    [one for ago in range(4) for g in range(2) for one in deployed_model_ids_of(run(ago, g).name)]
)
files = st.builds(
    lambda machine, replicas: Endpoint.model_validate(
        {"display_name": "m1", "machine_type": machine, "min_replicas": replicas}
    ),
    st.sampled_from(["n1-standard-2", "n1-standard-4", "n1-standard-4"]),
    st.integers(1, 2),
)
FILE = Endpoint.model_validate({"display_name": "m1"})
MORE_REPLICAS = Endpoint.model_validate({"display_name": "m1", "min_replicas": 2})
intents = st.one_of(
    st.builds(candidate, st.integers(0, 3), st.integers(0, 1), st.integers(1, 99)),
    st.builds(candidate, st.integers(0, 3), st.integers(0, 1), st.integers(1, 99)),
    st.builds(Promote, names),
    st.builds(RollBack, names),
    st.builds(Abort, names),
    st.builds(SetTrafficPercentage, names, st.integers(1, 99)),
    st.builds(UndoPromotion, names),
    st.just(UpdateResources()),
    st.just(UpdateResources()),
    st.just(Adopt()),
    st.just(Restore()),
)


def with_likely_target(view: View, intent: Intent) -> Intent:
    """The intent with a target that it can have, so that most plans are not refused."""
    labels = view.labels
    match intent:
        case Promote() | RollBack() | Abort() | SetTrafficPercentage() if "challenger" in labels:
            return replace(intent, deployed_model_id=labels["challenger"])
        case UndoPromotion() if "previous-champion" in labels:
            return replace(intent, deployed_model_id=labels["previous-champion"])
    return intent


DELETE = "delete the versions that are not deployed"


@example(
    [
        (one, Rollout(), 9, FILE)
        for one in (candidate(2), candidate(0), RollBack(NEW), DELETE, candidate(1))
    ]
)
@example([(candidate(1), Rollout(), 3, MORE_REPLICAS), (candidate(0), Rollout(), 3, FILE)])
@given(
    st.lists(st.tuples(intents | st.just(DELETE), policies, st.integers(0, 9), files), max_size=15)
)
def test_the_invariants_hold_for_any_interrupted_processes(
    processes: list[tuple[Intent | str, Rollout, int, Endpoint]],
) -> None:
    """Each process stops after some steps; the next one continues from there."""
    now = View("m1", None)
    has_champion = False
    newest = run(9).recency  # of all models that ever had traffic
    for intent, policy, step_count, file in processes:
        now = replace(now, configured=file)
        if isinstance(intent, str):
            served = {now.version_served_by(one) for one in now.deployed_models}
            now = replace(now, versions=tuple(v for v in now.versions if v in served))
            continue
        intent = with_likely_target(now, intent)
        for _ in range(step_count):
            try:
                steps = plan(now, intent, policy).steps
            except (InvalidRequest, ManualActionRequired):
                break
            if not steps:
                break
            champion, before = now.labels.get("champion"), now
            now = apply_to_view(now, steps[0])
            if isinstance(intent, DeployCandidate) and now.split.keys() - before.split.keys():
                known = [now.recency(version) for version in now.versions]
                assert intent.recency == max(newest, *filter(None, known))
            live = [
                v
                for one in now.deployed_models
                if one.traffic_percentage and (v := now.version_served_by(one))
            ]
            newest = max(newest, *filter(None, map(now.recency, live)), newest)
            has_champion = has_champion or "champion" in now.labels
            assert sum(now.split.values()) == (100 if has_champion else 0)
            assert len(now.deployed_models) <= 4
            # The champion is deployed before the step and after it.
            for one in (champion, now.labels.get("champion")):
                assert one is None or now.deployed_model(one) is not None
            if has_champion:
                assert now.split.get(now.labels["champion"])
            assert len(now.versions) == len({v.reference for v in now.versions})
    # Whatever was left: settings are applied, and a run of a newer week than all comes through.
    if has_champion:
        for _ in range(20):
            steps = plan(now, UpdateResources()).steps
            if not steps:
                break
            champion = now.labels.get("champion")
            now = apply_to_view(now, steps[0])
            assert champion is None or now.deployed_model(champion) is not None
            assert now.split[now.labels["champion"]]
        assert plan(now, UpdateResources()).steps == ()
        wanted = now.configured.resources if now.configured else None
        # The candidate of an interrupted run is left to the next run.
        with_role = [one for one in now.deployed_models if now.has_role(one.id)]
        assert {one.resources for one in with_role} == {wanted}
        assert settings_text(now) == []
    last = candidate(0, 9, 30)
    for _ in range(20):
        steps = plan(now, last).steps
        if not steps:
            break
        now = apply_to_view(now, steps[0])
    assert plan(now, last).steps == ()
    candidate_id = last.deployed_model_id
    champion = now.labels["champion"]
    assert now.split == (
        {candidate_id: 100} if champion == candidate_id else {champion: 70, candidate_id: 30}
    )
    assert {s.id for s in now.deployed_models} == {champion, candidate_id}
    assert now.version("champion") == now.version_for_deployment(champion)


models = st.lists(
    st.one_of(
        st.builds(deployed, st.integers(0, 3)),
        st.builds(foreign, st.sampled_from(["7", "8", "9" * 19]), st.just(0)),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
model_ids = st.sampled_from([NEW, OLD, OLDER, "7", "8", "123"])
labels = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("champion", "challenger", "previous-champion", "last-challenger"), model_ids
        ),
        "last-event": st.just("deploy_challenger-1"),
        "challenger-percentage": st.sampled_from(["0", "10", "90", "100", "x", "", "²", "٣", "-1"]),
        "newest-data": st.sampled_from(
            ["", "x", "²", "20261109t030000z-g0", "20261316t030000z-g²"]
        ),
    },
)


splits = st.sampled_from([(), (100,), (90, 10), (50, 50), (1, 99), (60, 20, 20), (0, 100)])


@given(
    models,
    splits,
    labels,
    st.sampled_from([(), VERSIONS[:2], VERSIONS]),
    intents,
    policies,
    files,
)
def test_any_view_gives_steps_or_an_error(
    found: list,
    split: tuple,
    labels: dict,
    versions: tuple,
    intent: Intent,
    policy: Rollout,
    file: Endpoint,
) -> None:
    """Steps that keep the invariants, or an error in one sentence."""
    percentages = split if len(split) <= len(found) else ()
    found = [
        replace(one, traffic_percentage=percentage, resources=FILE.resources)
        for one, percentage in zip_longest(found, percentages, fillvalue=0)
        if one
    ]
    now = replace(view(*found), labels=labels, versions=versions, configured=file)
    before = now
    message = ""
    try:
        steps = plan(now, with_likely_target(now, intent), policy).steps
    except (InvalidRequest, ManualActionRequired) as error:
        message, steps = str(error), ()
    assert "\n" not in message
    assert ";" in message or not message
    for step in steps:
        now = apply_to_view(now, step)
        if isinstance(step, SetTraffic) and step.roles is not None:
            assert all(now.deployed_model(name) for name in step.split)
            assert now.split == step.split
    if steps and not isinstance(intent, DeployCandidate):
        takes_traffic = isinstance(intent, Abort | RollBack) and find_drift(before)
        assert not find_drift(now) or takes_traffic
        if takes_traffic:
            decreased = {
                one
                for one, percentage in before.split.items()
                if now.split.get(one, 0) < percentage
            }
            assert not decreased & now.split.keys()
            assert len(decreased) <= 1
            assert now.labels["champion"] == before.labels["champion"]


def test_traffic_summary() -> None:
    pair = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW))
    assert traffic_summary(pair) == (
        "live traffic now goes 90 % to m1@9 (champion) and 10 % to m1@10 (challenger)"
    )
    assert traffic_summary(View("m1", None)) == "live traffic now goes nowhere"


@pytest.mark.parametrize(
    ("split", "roles"),
    [
        ({"1": 90}, Roles("1")),
        ({"2": 100}, Roles("1")),
        ({"1": 101, "2": -1}, Roles("1", "2")),
        ({"1": 100, "2": 0}, Roles("1", "2")),
        ({"1": 100}, None),
        ({}, Roles("1")),
    ],
)
def test_an_invalid_split_cannot_be_written(split: dict, roles: Roles | None) -> None:
    with pytest.raises(ValueError, match="sum to 100"):
        SetTraffic(split, roles, Action.DEPLOY_CHALLENGER)
