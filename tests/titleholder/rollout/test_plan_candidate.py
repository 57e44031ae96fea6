"""How the weekly run's model comes in."""

from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import (
    EMPTY,
    END,
    NEW,
    OLD,
    OLDER,
    OLDEST,
    VERSIONS,
    WEEK,
    foreign,
    new_version,
    run,
    seat,
    view,
    wish,
)
from titleholder.config.rollout import Rollout
from titleholder.errors import ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.descriptions import describe_steps
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Undeploy,
)
from titleholder.rollout.view import View

SURGE = Rollout(replacement="surge")
ENTRY = Deploy(NEW, run().name, run().name)


def seated(champion: str, **others: str) -> SetTraffic:
    return SetTraffic(
        {champion: 90, NEW: 10}, Roles(champion, NEW, **others), Action.DEPLOY_CHALLENGER
    )


def aliases(champion: str | None, challenger: str) -> tuple[Alias, ...]:
    first = [Alias("champion", champion)] if champion else []
    return (*first, Alias("challenger", challenger))


def test_nothing_there_yet() -> None:
    assert plan(View("m1", None), wish()).steps == (
        CreateEndpoint("m1"),
        Register(new_version()),
        ENTRY,
        SetTraffic({NEW: 100}, Roles(NEW), Action.FIRST_CHAMPION),
        Alias("champion", run().name),
    )


def test_a_leftover_is_never_the_last_that_is_undeployed() -> None:
    """Its own run may crown it meanwhile, and Vertex AI takes down the last one with traffic."""
    crown = SetTraffic({NEW: 100}, Roles(NEW), Action.FIRST_CHAMPION)
    tail = Alias("champion", run().name)
    assert plan(view(seat(1)), wish()).steps == (ENTRY, crown, Undeploy(OLD), tail)
    assert plan(view(seat(2), seat(1)), wish()).steps == (
        *(Undeploy(OLDER), ENTRY, crown, Undeploy(OLD), tail),
    )


def test_the_second_model_is_challenger() -> None:
    before = view(seat(1, 100), roles=Roles(OLD))
    assert plan(before, wish(share=25)).steps == (
        ENTRY,
        SetTraffic({OLD: 75, NEW: 25}, Roles(OLD, NEW), Action.DEPLOY_CHALLENGER),
        *aliases(run(1).name, run().name),
    )


def test_recreate_the_old_challenger_leaves_first_and_the_champion_gets_all_meanwhile() -> None:
    before = view(seat(2, 90), seat(1, 10), roles=Roles(OLDER, OLD))
    assert plan(before, wish()).steps[:-2] == (
        SetTraffic({OLDER: 100}, Roles(OLDER, None, None, OLD), Action.REMOVE_CHALLENGER),
        Undeploy(OLD),
        ENTRY,
        seated(OLDER, withdrawn=OLD),
    )


def test_surge_the_old_challenger_leaves_when_the_new_one_serves() -> None:
    before = view(seat(2, 90), seat(1, 10), roles=Roles(OLDER, OLD))
    assert plan(before, wish(), SURGE).steps[:-2] == (
        ENTRY,
        seated(OLDER, withdrawn=OLD),
        Undeploy(OLD),
    )


@pytest.mark.parametrize("policy", [Rollout(), SURGE])
def test_the_previous_champion_makes_room(policy: Rollout) -> None:
    before = view(seat(1, 100), seat(2), roles=Roles(OLD, None, OLDER))
    leave, come = (Undeploy(OLDER),), (ENTRY, seated(OLD, previous=OLDER))
    expected = come + leave if policy == SURGE else leave + come
    assert plan(before, wish(), policy).steps[:-2] == expected


def test_surge_never_deploys_four() -> None:
    before = view(seat(2, 90), seat(1, 10), seat(3), roles=Roles(OLDER, OLD, OLDEST))
    assert plan(before, wish(), SURGE).steps[:-2] == (
        Undeploy(OLDEST),
        ENTRY,
        seated(OLDER, previous=OLDEST, withdrawn=OLD),
        Undeploy(OLD),
    )


def test_surge_cut_off_after_the_split_still_takes_the_old_one_down() -> None:
    before = view(seat(2, 90), seat(1), seat(0, 10), roles=Roles(OLDER, NEW, last_challenger=OLD))
    assert Undeploy(OLD) in plan(before, wish(), SURGE).steps


def test_doing_it_twice_changes_nothing() -> None:
    mirrored = tuple(
        replace(v, aliases=v.aliases | {"champion"})
        if v.number == "9"
        else replace(v, aliases=v.aliases | {"challenger"})
        if v.number == "10"
        else v
        for v in VERSIONS
    )
    there = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW), versions=mirrored)
    assert plan(there, wish()).steps == ()
    # Its share was changed on purpose since.
    changed = view(seat(1, 50), seat(0, 50), roles=Roles(OLD, NEW), versions=mirrored)
    assert plan(changed, wish()).steps == ()


@pytest.mark.parametrize("ago", [1, 3])
def test_an_older_week_is_registered_and_no_more(ago: int) -> None:
    before = view(seat(0, 100), roles=Roles(NEW), versions=VERSIONS[:1])
    decided = plan(before, wish(weeks_ago=ago))
    assert decided.steps[0] == Register(new_version(ago))
    assert all(isinstance(step, Register | Alias) for step in decided.steps)
    assert decided.outcome == "superseded"
    assert decided.summary.startswith("superseded")


def test_an_older_week_that_was_deployed_and_never_seated_leaves_again() -> None:
    before = view(seat(1, 100), seat(0, 0), seat(2, 0), roles=Roles(OLD))
    decided = plan(before, wish(weeks_ago=2))
    assert decided.steps[0] == Undeploy(OLDER)
    assert decided.outcome == "superseded"


def test_the_same_week_trained_anew_takes_its_place() -> None:
    before = view(seat(1, 90), seat(0, 10), roles=Roles(OLD, NEW))
    again = run(0, 1).deployed_model_id
    steps = plan(before, wish(generation=1)).steps
    assert Undeploy(NEW) in steps
    last = [step for step in steps if isinstance(step, SetTraffic)][-1]
    assert last.split == {OLD: 90, again: 10}


@pytest.mark.parametrize(
    "roles",
    [Roles(OLD, last_challenger=NEW), Roles(OLD, previous_champion=NEW)],
    ids=["withdrawn", "deposed"],
)
def test_who_has_had_its_turn_is_not_seated_again(roles: Roles) -> None:
    decided = plan(view(seat(1, 100), roles=roles), wish())
    assert not [step for step in decided.steps if not isinstance(step, Alias)]
    assert decided.outcome == "withdrawn"


def test_what_an_interrupted_run_left_is_taken_down() -> None:
    before = view(seat(2, 100), seat(1), roles=Roles(OLDER))
    assert plan(before, wish()).steps[:3] == (Undeploy(OLD), ENTRY, seated(OLDER))


def test_a_challenger_without_traffic_is_left_so() -> None:
    alone = view(seat(1, 100), seat(0), roles=Roles(OLD, NEW))
    assert plan(alone, wish()).summary.startswith("m1@10 is challenger with 0 %")
    assert not any(isinstance(step, SetTraffic) for step in plan(alone, wish()).steps)


def test_an_endpoint_not_made_by_us_is_adopted_first() -> None:
    theirs = foreign()
    assert plan(view(theirs), wish()).steps[:3] == (
        SetTraffic({theirs.id: 100}, Roles(theirs.id), Action.ADOPT),
        ENTRY,
        seated(theirs.id),
    )
    # A run that died after the deployment: still the only model that is not ours.
    half = view(theirs, seat(0))
    assert plan(half, wish()).steps[:2] == (
        SetTraffic({theirs.id: 100}, Roles(theirs.id), Action.ADOPT),
        seated(theirs.id),
    )
    named = (
        foreign("111", 90, display_name="linnerud-champion-model"),
        foreign("222", 10, display_name="linnerud-challenger-model"),
    )
    assert plan(view(*named), wish()).steps[:3] == (
        SetTraffic({"111": 90, "222": 10}, Roles("111", "222"), Action.ADOPT),
        SetTraffic({"111": 100}, Roles("111", last_challenger="222"), Action.REMOVE_CHALLENGER),
        Undeploy("222"),
    )
    labelled = view(foreign("111", 40), foreign("222", 60), labels={"champion": "111"})
    first = plan(labelled, wish()).steps[0]
    assert first == SetTraffic({"111": 40, "222": 60}, Roles("111", "222"), Action.ADOPT)


def test_a_label_that_somebody_took_away_does_not_make_a_challenger_of_the_previous_champion() -> (
    None
):
    written = view(seat(1, 100), seat(2), roles=Roles(OLD, None, OLDER))
    labels = {role: one for role, one in written.labels.items() if role != "last-event"}
    assert plan(replace(written, labels=labels), wish()).steps[:3] == (
        SetTraffic({OLD: 100}, Roles(OLD, None, OLDER), Action.ADOPT),
        Undeploy(OLDER),
        ENTRY,
    )


def test_a_model_that_was_deployed_lately_by_others_counts_as_newer() -> None:
    theirs = foreign(deployed_at=END + 2 * WEEK)
    assert plan(view(theirs), wish()).outcome == "superseded"


def test_refusals() -> None:
    with pytest.raises(ManualActionRequired, match=r"endpoint\.create: true in m1\.yaml"):
        plan(View("m1", None), wish(create_endpoint=False))
    three = [foreign(str(n), 0) for n in range(3)]
    with pytest.raises(ManualActionRequired, match="holds 3 deployed models"):
        plan(view(*three), wish())
    with pytest.raises(
        ManualActionRequired, match="neither a label nor a name says which is the champion"
    ):
        plan(view(*three[:2]), wish())
    with pytest.raises(
        ManualActionRequired, match=r"the champion x@1 of e has no traffic \(empty\)"
    ):
        plan(view(three[0]), wish())
    with pytest.raises(
        ManualActionRequired, match="names no deployed model, so somebody took the champion"
    ):
        plan(view(foreign(), labels={"champion": "5"}), wish())


def test_two_models_never_take_each_other_for_the_same() -> None:
    theirs = replace(seat(0, 100), model="other@10")
    with pytest.raises(ManualActionRequired, match="give this model an endpoint of its own"):
        plan(view(theirs, roles=Roles(NEW)), wish())
    with pytest.raises(ManualActionRequired, match="give this model an endpoint of its own"):
        plan(replace(EMPTY, deployed_models=(seat(0, 100),), versions=()), wish())


def test_steps_and_summary_read_well() -> None:
    decided = plan(view(seat(1, 100), roles=Roles(OLD)), wish())
    assert describe_steps(decided.steps, view(seat(1, 100), roles=Roles(OLD))) == [
        f"deploy m1@10 as {NEW}, without traffic",
        "seat: 90 % to m1@9 and 10 % to m1@10 (champion m1@9, challenger m1@10)",
        "give the alias champion to m1@9",
        "give the alias challenger to m1@10",
    ]
    assert decided.summary == (
        "m1@10 is challenger with 10 % of the requests, m1@9 champion with 90 %"
    )


def test_a_challenger_that_is_being_judged_is_waited_for() -> None:
    both = view(seat(2, 90), seat(1, 10), roles=Roles(OLDER, OLD), versions=VERSIONS[1:])
    made = plan(both, wish(wait=True))
    steps = [type(step) for step in made.steps if not isinstance(step, Alias)]
    assert (made.outcome, steps) == ("waiting", [Register])
    assert f"m1@9 is still being judged, so {run().name} is only registered" in made.summary
    assert plan(both, wish()).outcome == "done"


def test_who_waits_for_nobody() -> None:
    alone = view(seat(2, 100), roles=Roles(OLDER, last_challenger=OLD))
    assert plan(alone, wish(wait=True)) == plan(alone, wish())
    own = view(seat(2, 90), seat(0, 10), roles=Roles(OLDER, NEW))
    assert plan(own, wish(wait=True)) == plan(own, wish())
    assert plan(EMPTY, wish(wait=True)) == plan(EMPTY, wish())


def test_what_was_deployed_before_it_had_to_wait_leaves() -> None:
    three = view(seat(2, 90), seat(1, 10), seat(0), roles=Roles(OLDER, OLD))
    made = plan(three, wish(wait=True))
    assert (made.outcome, made.steps[:1]) == ("waiting", (Undeploy(NEW),))
