"""The promises, for any actors that die anywhere and any view that can be met."""

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
    foreign,
    run,
    seat,
    view,
    wish,
)
from titleholder.config.rollout import Rollout
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.display_names import traffic_summary
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
)
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles, drift
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import SetTraffic
from titleholder.rollout.view import View

policies = st.builds(Rollout, st.sampled_from(["recreate", "surge"]), st.booleans())
names = st.sampled_from([run(ago, g).deployed_model_id for ago in range(4) for g in range(2)])
intents = st.one_of(
    st.builds(wish, st.integers(0, 3), st.integers(0, 1), st.integers(1, 99)),
    st.builds(wish, st.integers(0, 3), st.integers(0, 1), st.integers(1, 99)),
    st.builds(Promote, names),
    st.builds(RollBack, names),
    st.builds(Abort, names),
    st.builds(SetTrafficPercentage, names, st.integers(1, 99)),
    st.builds(UndoPromotion, names),
    st.just(Adopt()),
    st.just(Restore()),
)


def pinned(view: View, intent: Intent) -> Intent:
    """Mostly about whom it can be: an intent about anybody else is refused."""
    labels = view.labels
    match intent:
        case Promote() | RollBack() | Abort() | SetTrafficPercentage() if "challenger" in labels:
            return replace(intent, challenger=labels["challenger"])
        case UndoPromotion() if "previous-champion" in labels:
            return replace(intent, previous_champion=labels["previous-champion"])
    return intent


DELETE = "delete the versions that are not deployed"


@example([(one, Rollout(), 9) for one in (wish(2), wish(0), RollBack(NEW), DELETE, wish(1))])
@given(st.lists(st.tuples(intents | st.just(DELETE), policies, st.integers(0, 9)), max_size=15))
def test_any_actors_cut_off_anywhere_keep_the_promises(
    actors: list[tuple[Intent | str, Rollout, int]],
) -> None:
    """Each dies after some steps; the next one starts from what it left."""
    now = View("m1", None)
    crowned = False
    newest = run(9).recency  # Of all that ever had traffic.
    for intent, policy, survives in actors:
        if isinstance(intent, str):
            served = {now.version_served_by(one) for one in now.deployed_models}
            now = replace(now, versions=tuple(v for v in now.versions if v in served))
            continue
        intent = pinned(now, intent)
        for _ in range(survives):
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
            crowned = crowned or "champion" in now.labels
            assert sum(now.split.values()) == (100 if crowned else 0)
            assert len(now.deployed_models) <= 4
            # Before the step and after it, whoever is champion answers.
            for one in (champion, now.labels.get("champion")):
                assert one is None or now.deployed_model(one) is not None
            if crowned:
                assert now.split.get(now.labels["champion"])
            assert len(now.versions) == len({v.reference for v in now.versions})
    # Whatever was left: a run of a newer week than all of them comes through.
    last = wish(0, 9, 30)
    for _ in range(20):
        steps = plan(now, last).steps
        if not steps:
            break
        now = apply_to_view(now, steps[0])
    assert plan(now, last).steps == ()
    me = last.deployed_model_id
    champion = now.labels["champion"]
    assert now.split == ({me: 100} if champion == me else {champion: 70, me: 30})
    assert {s.id for s in now.deployed_models} == {champion, me}
    assert now.version("champion") == now.version_for_deployment(champion)


seats = st.lists(
    st.one_of(
        st.builds(seat, st.integers(0, 3)),
        st.builds(foreign, st.sampled_from(["7", "8", "9" * 19]), st.just(0)),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
anybody = st.sampled_from([NEW, OLD, OLDER, "7", "8", "123"])
labels = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("champion", "challenger", "previous-champion", "last-challenger"), anybody
        ),
        "last-event": st.just("deploy_challenger-1"),
        "challenger-percentage": st.sampled_from(["0", "10", "90", "100", "x", "", "²", "٣", "-1"]),
        "newest-data": st.sampled_from(
            ["", "x", "²", "20261109t030000z-g0", "20261316t030000z-g²"]
        ),
    },
)


splits = st.sampled_from([(), (100,), (90, 10), (50, 50), (1, 99), (60, 20, 20), (0, 100)])


@given(seats, splits, labels, st.sampled_from([(), VERSIONS[:2], VERSIONS]), intents, policies)
def test_every_view_has_an_answer(
    found: list, split: tuple, labels: dict, versions: tuple, intent: Intent, policy: Rollout
) -> None:
    """Steps that keep the promises, or a sentence for a person."""
    shares = split if len(split) <= len(found) else ()
    found = [
        replace(one, traffic_percentage=share)
        for one, share in zip_longest(found, shares, fillvalue=0)
        if one
    ]
    now = replace(view(*found), labels=labels, versions=versions)
    before = now
    told = ""
    try:
        steps = plan(now, pinned(now, intent), policy).steps
    except (InvalidRequest, ManualActionRequired) as refusal:
        told, steps = str(refusal), ()
    assert "\n" not in told
    assert ";" in told or not told
    for step in steps:
        now = apply_to_view(now, step)
        if isinstance(step, SetTraffic) and step.roles is not None:
            assert all(now.deployed_model(name) for name in step.split)
            assert now.split == step.split
    if steps and not isinstance(intent, DeployCandidate):
        taken = isinstance(intent, Abort | RollBack) and drift(before)
        assert not drift(now) or taken
        if taken:
            fallen = {one for one, share in before.split.items() if now.split.get(one, 0) < share}
            assert not fallen & now.split.keys()
            assert len(fallen) <= 1
            assert now.labels["champion"] == before.labels["champion"]


def test_serving_in_words() -> None:
    pair = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW))
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
        ({"1": 100}, None),
        ({}, Roles("1")),
    ],
)
def test_a_split_that_is_none_cannot_be_written(split: dict, roles: Roles | None) -> None:
    with pytest.raises(ValueError, match="sum to 100"):
        SetTraffic(split, roles, Action.DEPLOY_CHALLENGER)
