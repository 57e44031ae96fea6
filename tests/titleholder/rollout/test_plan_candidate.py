"""Plans that deploy the candidate of a weekly run."""

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
    candidate,
    deployed,
    foreign,
    new_version,
    run,
    view,
)
from titleholder.config.endpoint import Endpoint, EndpointType
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
    call_of,
)
from titleholder.rollout.view import View

SURGE = Rollout(replacement="surge")
DEPLOY = Deploy(NEW, run().name, run().name)


def as_challenger(champion: str, **others: str) -> SetTraffic:
    return SetTraffic(
        {champion: 90, NEW: 10}, Roles(champion, NEW, **others), Action.DEPLOY_CHALLENGER
    )


def aliases(champion: str | None, challenger: str) -> tuple[Alias, ...]:
    first = [Alias("champion", champion)] if champion else []
    return (*first, Alias("challenger", challenger))


def test_the_first_model_becomes_champion() -> None:
    assert plan(View("m1", None), candidate()).steps == (
        CreateEndpoint("m1"),
        Register(new_version()),
        DEPLOY,
        SetTraffic({NEW: 100}, Roles(NEW), Action.FIRST_CHAMPION),
        Alias("champion", run().name),
    )


def test_an_orphan_is_never_undeployed_last() -> None:
    """Its run may make it champion meanwhile, and Vertex AI undeploys the last model even with
    traffic."""
    first = SetTraffic({NEW: 100}, Roles(NEW), Action.FIRST_CHAMPION)
    tail = Alias("champion", run().name)
    assert plan(view(deployed(1)), candidate()).steps == (DEPLOY, first, Undeploy(OLD), tail)
    assert plan(view(deployed(2), deployed(1)), candidate()).steps == (
        *(Undeploy(OLDER), DEPLOY, first, Undeploy(OLD), tail),
    )


def test_the_second_model_becomes_challenger() -> None:
    before = view(deployed(1, 100), roles=Roles(OLD))
    assert plan(before, candidate(percentage=25)).steps == (
        DEPLOY,
        SetTraffic({OLD: 75, NEW: 25}, Roles(OLD, NEW), Action.DEPLOY_CHALLENGER),
        *aliases(run(1).name, run().name),
    )


def test_recreate_undeploys_the_present_challenger_before_the_deployment() -> None:
    before = view(deployed(2, 90), deployed(1, 10), roles=Roles(OLDER, OLD))
    assert plan(before, candidate()).steps[:-2] == (
        SetTraffic({OLDER: 100}, Roles(OLDER, None, None, OLD), Action.REMOVE_CHALLENGER),
        Undeploy(OLD),
        DEPLOY,
        as_challenger(OLDER, last_challenger=OLD),
    )


def test_surge_undeploys_the_present_challenger_after_the_deployment() -> None:
    before = view(deployed(2, 90), deployed(1, 10), roles=Roles(OLDER, OLD))
    assert plan(before, candidate(), SURGE).steps[:-2] == (
        DEPLOY,
        as_challenger(OLDER, last_challenger=OLD),
        Undeploy(OLD),
    )


@pytest.mark.parametrize("policy", [Rollout(), SURGE])
def test_the_previous_champion_is_undeployed(policy: Rollout) -> None:
    before = view(deployed(1, 100), deployed(2), roles=Roles(OLD, None, OLDER))
    undeploys, deploys = (Undeploy(OLDER),), (DEPLOY, as_challenger(OLD, previous_champion=OLDER))
    expected = deploys + undeploys if policy == SURGE else undeploys + deploys
    assert plan(before, candidate(), policy).steps[:-2] == expected


def test_surge_never_has_four_models() -> None:
    before = view(deployed(2, 90), deployed(1, 10), deployed(3), roles=Roles(OLDER, OLD, OLDEST))
    assert plan(before, candidate(), SURGE).steps[:-2] == (
        Undeploy(OLDEST),
        DEPLOY,
        as_challenger(OLDER, previous_champion=OLDEST, last_challenger=OLD),
        Undeploy(OLD),
    )


def test_surge_undeploys_the_last_challenger_after_an_interruption() -> None:
    before = view(
        deployed(2, 90), deployed(1), deployed(0, 10), roles=Roles(OLDER, NEW, last_challenger=OLD)
    )
    assert Undeploy(OLD) in plan(before, candidate(), SURGE).steps


def test_a_repeated_plan_has_no_steps() -> None:
    with_aliases = tuple(
        replace(v, aliases=v.aliases | {"champion"})
        if v.number == "9"
        else replace(v, aliases=v.aliases | {"challenger"})
        if v.number == "10"
        else v
        for v in VERSIONS
    )
    done = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW), versions=with_aliases)
    assert plan(done, candidate()).steps == ()
    # The split was changed on purpose since.
    changed = view(deployed(1, 50), deployed(0, 50), roles=Roles(OLD, NEW), versions=with_aliases)
    assert plan(changed, candidate()).steps == ()


@pytest.mark.parametrize("ago", [1, 3])
def test_an_older_interval_is_only_registered(ago: int) -> None:
    before = view(deployed(0, 100), roles=Roles(NEW), versions=VERSIONS[:1])
    decided = plan(before, candidate(weeks_ago=ago))
    assert decided.steps[0] == Register(new_version(ago))
    assert all(isinstance(step, Register | Alias) for step in decided.steps)
    assert decided.outcome == "superseded"
    assert decided.summary.startswith("superseded")


def test_a_superseded_orphan_is_undeployed() -> None:
    before = view(deployed(1, 100), deployed(0, 0), deployed(2, 0), roles=Roles(OLD))
    decided = plan(before, candidate(weeks_ago=2))
    assert decided.steps[0] == Undeploy(OLDER)
    assert decided.outcome == "superseded"


def test_a_new_generation_replaces_the_challenger() -> None:
    before = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW))
    again = run(0, 1).deployed_model_id
    steps = plan(before, candidate(generation=1)).steps
    assert Undeploy(NEW) in steps
    last = [step for step in steps if isinstance(step, SetTraffic)][-1]
    assert last.split == {OLD: 90, again: 10}


@pytest.mark.parametrize(
    "roles",
    [Roles(OLD, last_challenger=NEW), Roles(OLD, previous_champion=NEW)],
    ids=["last challenger", "previous champion"],
)
def test_a_candidate_that_had_a_role_is_not_deployed_again(roles: Roles) -> None:
    decided = plan(view(deployed(1, 100), roles=roles), candidate())
    assert not [step for step in decided.steps if not isinstance(step, Alias)]
    assert decided.outcome == "had_a_role"


def test_an_orphan_is_undeployed() -> None:
    before = view(deployed(2, 100), deployed(1), roles=Roles(OLDER))
    assert plan(before, candidate()).steps[:3] == (Undeploy(OLD), DEPLOY, as_challenger(OLDER))


def test_a_challenger_without_traffic_keeps_none() -> None:
    alone = view(deployed(1, 100), deployed(0), roles=Roles(OLD, NEW))
    assert plan(alone, candidate()).summary.startswith("m1@10 is challenger with 0 %")
    assert not any(isinstance(step, SetTraffic) for step in plan(alone, candidate()).steps)


def test_an_endpoint_without_labels_is_adopted_first() -> None:
    theirs = foreign()
    assert plan(view(theirs), candidate()).steps[:3] == (
        SetTraffic({theirs.id: 100}, Roles(theirs.id), Action.ADOPT),
        DEPLOY,
        as_challenger(theirs.id),
    )
    # A run that was interrupted after the deployment: theirs is still the only foreign model.
    interrupted = view(theirs, deployed(0))
    assert plan(interrupted, candidate()).steps[:2] == (
        SetTraffic({theirs.id: 100}, Roles(theirs.id), Action.ADOPT),
        as_challenger(theirs.id),
    )
    named = (
        foreign("111", 90, display_name="linnerud-champion-model"),
        foreign("222", 10, display_name="linnerud-challenger-model"),
    )
    assert plan(view(*named), candidate()).steps[:3] == (
        SetTraffic({"111": 90, "222": 10}, Roles("111", "222"), Action.ADOPT),
        SetTraffic({"111": 100}, Roles("111", last_challenger="222"), Action.REMOVE_CHALLENGER),
        Undeploy("222"),
    )
    labelled = view(foreign("111", 40), foreign("222", 60), labels={"champion": "111"})
    first = plan(labelled, candidate()).steps[0]
    assert first == SetTraffic({"111": 40, "222": 60}, Roles("111", "222"), Action.ADOPT)


def test_without_the_last_event_label_the_previous_champion_keeps_its_role() -> None:
    written = view(deployed(1, 100), deployed(2), roles=Roles(OLD, None, OLDER))
    labels = {role: one for role, one in written.labels.items() if role != "last-event"}
    assert plan(replace(written, labels=labels), candidate()).steps[:3] == (
        SetTraffic({OLD: 100}, Roles(OLD, None, OLDER), Action.ADOPT),
        Undeploy(OLDER),
        DEPLOY,
    )


def test_a_foreign_model_that_was_deployed_later_counts_as_newer() -> None:
    theirs = foreign(deployed_at=END + 2 * WEEK)
    assert plan(view(theirs), candidate()).outcome == "superseded"


def test_errors() -> None:
    with pytest.raises(ManualActionRequired, match=r"endpoint\.create: true in m1\.yaml"):
        plan(View("m1", None), candidate(create_endpoint=False))
    three = [foreign(str(n), 0) for n in range(3)]
    with pytest.raises(ManualActionRequired, match="holds 3 deployed models"):
        plan(view(*three), candidate())
    with pytest.raises(
        ManualActionRequired, match="neither a label nor a name says which is the champion"
    ):
        plan(view(*three[:2]), candidate())
    with pytest.raises(
        ManualActionRequired, match=r"the champion x@1 of e has no traffic \(empty\)"
    ):
        plan(view(three[0]), candidate())
    with pytest.raises(
        ManualActionRequired, match="names no deployed model, so the champion was undep"
    ):
        plan(view(foreign(), labels={"champion": "5"}), candidate())


def test_a_deployed_model_id_with_another_version_is_an_error() -> None:
    theirs = replace(deployed(0, 100), model="other@10")
    with pytest.raises(ManualActionRequired, match="give this model an endpoint of its own"):
        plan(view(theirs, roles=Roles(NEW)), candidate())
    with pytest.raises(ManualActionRequired, match="give this model an endpoint of its own"):
        plan(replace(EMPTY, deployed_models=(deployed(0, 100),), versions=()), candidate())


def test_descriptions_of_steps_and_summary() -> None:
    decided = plan(view(deployed(1, 100), roles=Roles(OLD)), candidate())
    assert describe_steps(decided.steps, view(deployed(1, 100), roles=Roles(OLD))) == [
        f"deploy m1@10 as {NEW}, without traffic",
        "deploy_challenger: 90 % to m1@9 and 10 % to m1@10 (champion m1@9, challenger m1@10)",
        "give the alias champion to m1@9",
        "give the alias challenger to m1@10",
    ]
    assert decided.summary == (
        "m1@10 is challenger with 10 % of the traffic, m1@9 champion with 90 %"
    )


def test_keep_current_only_registers_the_candidate() -> None:
    both = view(deployed(2, 90), deployed(1, 10), roles=Roles(OLDER, OLD), versions=VERSIONS[1:])
    decided = plan(both, candidate(keep_current=True))
    steps = [type(step) for step in decided.steps if not isinstance(step, Alias)]
    assert (decided.outcome, steps) == ("challenger_busy", [Register])
    assert f"m1@9 is still evaluated, so {run().name} is only registered" in decided.summary
    assert plan(both, candidate()).outcome == "done"


def test_keep_current_without_another_challenger_changes_nothing() -> None:
    alone = view(deployed(2, 100), roles=Roles(OLDER, last_challenger=OLD))
    assert plan(alone, candidate(keep_current=True)) == plan(alone, candidate())
    own = view(deployed(2, 90), deployed(0, 10), roles=Roles(OLDER, NEW))
    assert plan(own, candidate(keep_current=True)) == plan(own, candidate())
    assert plan(EMPTY, candidate(keep_current=True)) == plan(EMPTY, candidate())


def test_keep_current_undeploys_a_candidate_without_a_role() -> None:
    three = view(deployed(2, 90), deployed(1, 10), deployed(0), roles=Roles(OLDER, OLD))
    decided = plan(three, candidate(keep_current=True))
    assert (decided.outcome, decided.steps[:1]) == ("challenger_busy", (Undeploy(NEW),))


@pytest.mark.parametrize(
    ("section", "found", "advice"),
    [
        ({"dedicated": True}, EndpointType.SHARED, "write neither endpoint.dedicated nor"),
        ({}, EndpointType.DEDICATED, "write endpoint.dedicated: true to keep"),
        ({}, EndpointType.PRIVATE, "write endpoint.private_service_connect to keep"),
    ],
)
def test_an_endpoint_of_another_type_is_refused(
    section: dict[str, object], found: EndpointType, advice: str
) -> None:
    configured = Endpoint.model_validate({"display_name": "m1", **section})
    other = view(deployed(1, 100), roles=Roles(OLD), type=found, configured=configured)
    with pytest.raises(ManualActionRequired) as caught:
        plan(other, candidate())
    message = str(caught.value)
    assert f"e is a {found} endpoint and m1.yaml wants a {configured.type} one" in message
    assert advice in message
    # A backfill only registers.
    assert plan(other, candidate(3)).outcome == Action.SUPERSEDED


def test_a_new_endpoint_has_the_type_of_the_file() -> None:
    configured = Endpoint.model_validate({"display_name": "m1", "dedicated": True})
    first = plan(View("m1", None, configured=configured), candidate())
    assert first.steps[0] == CreateEndpoint("m1", EndpointType.DEDICATED)
    assert "dedicated_endpoint_enabled=True" in call_of(first.steps[0], View("m1", None))
