from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.errors import Refusal
from titleholder.interval import Interval
from titleholder.rollout.plan import SeatCandidate, plan
from titleholder.rollout.steps import CreateEndpoint, Deploy, Register, SetTraffic, Step, Undeploy
from titleholder.rollout.view import Seat, View, serving
from titleholder.run import Run, data_until

WEEK = timedelta(days=7)
END = datetime(2026, 11, 16, 3, tzinfo=UTC)
VERSION = "projects/p/locations/l/models/m1@9"


def run(weeks_ago: int = 0, generation: int = 0) -> Run:
    end = END - weeks_ago * WEEK
    return Run("m1", Interval(end - WEEK, end), generation)


def wish(weeks_ago: int = 0, generation: int = 0, share: int = 10) -> SeatCandidate:
    of = run(weeks_ago, generation)
    return SeatCandidate(
        model="m1",
        alias=of.name,
        deployed_model_id=of.deployed_model_id,
        data_until=of.interval.end,
        period=WEEK,
        share=share,
        endpoint="m1",
        create_endpoint=True,
    )


def seat(weeks_ago: int, share: int, role: str = "champion") -> Seat:
    name = run(weeks_ago).deployed_model_id
    return Seat(name, f"m1-{role}-model", VERSION, share, data_until(name), END)


NEW, OLD, OLDER = (run(ago).deployed_model_id for ago in (0, 1, 2))
REGISTERED = View(endpoint="e", version=VERSION)


def test_nothing_there_yet() -> None:
    assert plan(View(endpoint=None), wish()).steps == (
        CreateEndpoint("m1"),
        Register(run().name),
        Deploy(NEW, "m1-champion-model"),
        SetTraffic({NEW: 100}, champion=NEW),
    )


def test_the_second_model_is_challenger() -> None:
    view = replace(REGISTERED, seats=(seat(1, 100),), labels={"champion": OLD})
    assert plan(view, wish(share=25)).steps == (
        Deploy(NEW, "m1-challenger-model"),
        SetTraffic({OLD: 75, NEW: 25}, champion=OLD, challenger=NEW),
    )


def test_the_old_challenger_leaves_first_and_the_champion_gets_all_meanwhile() -> None:
    view = replace(
        REGISTERED,
        seats=(seat(2, 90), seat(1, 10, "challenger")),
        labels={"champion": OLDER, "challenger": OLD},
    )
    assert plan(view, wish()).steps == (
        SetTraffic({OLDER: 100}, champion=OLDER),
        Undeploy(OLD),
        Deploy(NEW, "m1-challenger-model"),
        SetTraffic({OLDER: 90, NEW: 10}, champion=OLDER, challenger=NEW),
    )


def test_doing_it_twice_changes_nothing() -> None:
    view = replace(
        REGISTERED,
        seats=(seat(1, 90), seat(0, 10, "challenger")),
        labels={"champion": OLD, "challenger": NEW},
    )
    assert plan(view, wish()).steps == ()
    crowned = replace(REGISTERED, seats=(seat(0, 100),), labels={"champion": NEW})
    assert plan(crowned, wish()).steps == ()


@pytest.mark.parametrize("ago", [1, 5])
def test_an_older_week_is_registered_and_no_more(ago: int) -> None:
    view = View(endpoint="e", seats=(seat(0, 100),), labels={"champion": NEW})
    decided = plan(view, wish(weeks_ago=ago))
    assert decided.steps == (Register(run(ago).name),)
    assert decided.summary.startswith("superseded")


def test_the_same_week_trained_anew_takes_its_place() -> None:
    view = replace(
        REGISTERED,
        seats=(seat(1, 90), seat(0, 10, "challenger")),
        labels={"champion": OLD, "challenger": NEW},
    )
    again = run(0, 1).deployed_model_id
    assert plan(view, wish(generation=1)).steps == (
        SetTraffic({OLD: 100}, champion=OLD),
        Undeploy(NEW),
        Deploy(again, "m1-challenger-model"),
        SetTraffic({OLD: 90, again: 10}, champion=OLD, challenger=again),
    )


def test_an_endpoint_not_made_by_us_is_adopted() -> None:
    foreign = Seat("1234567890123456789", "theirs", "models/x@1", 100, None, END - 30 * WEEK)
    assert plan(replace(REGISTERED, seats=(foreign,)), wish()).steps[-1] == SetTraffic(
        {foreign.id: 90, NEW: 10}, champion=foreign.id, challenger=NEW
    )
    named = (
        Seat("111", "linnerud-champion-model", "m", 90, None, END - 30 * WEEK),
        Seat("222", "linnerud-challenger-model", "m", 10, None, END - 30 * WEEK),
    )
    assert plan(replace(REGISTERED, seats=named), wish()).steps[:2] == (
        SetTraffic({"111": 100}, champion="111"),
        Undeploy("222"),
    )


def test_refusals() -> None:
    with pytest.raises(Refusal, match=r"endpoint\.create: true in m1\.yaml"):
        plan(View(endpoint=None), replace(wish(), create_endpoint=False))
    three = tuple(Seat(str(n), f"model-{n}", "m", 0) for n in range(3))
    with pytest.raises(Refusal, match="holds 3 deployed models"):
        plan(replace(REGISTERED, seats=three), wish())
    with pytest.raises(Refusal, match="neither a label nor a name says which is the champion"):
        plan(replace(REGISTERED, seats=three[:2]), wish())


def test_what_a_person_did_by_hand_is_not_overwritten() -> None:
    seats = (seat(1, 0), seat(2, 100, "challenger"))
    moved = replace(REGISTERED, seats=seats, labels={"champion": OLD, "challenger": OLDER})
    with pytest.raises(Refusal, match="has no traffic"):
        plan(moved, wish())
    gone = replace(REGISTERED, seats=(seat(1, 100, "challenger"),), labels={"champion": OLDER})
    with pytest.raises(Refusal, match="somebody took the champion down"):
        plan(gone, wish())


def test_two_models_never_take_each_other_for_the_same() -> None:
    theirs = replace(seat(0, 100), model="projects/p/locations/l/models/other@9")
    view = replace(REGISTERED, seats=(theirs,), labels={"champion": NEW})
    with pytest.raises(Refusal, match="give this model an endpoint of its own"):
        plan(view, wish())
    by_number = replace(seat(0, 100), model="projects/123/locations/l/models/m1@9")
    assert plan(replace(view, seats=(by_number,)), wish()).steps == ()


def test_serving_in_words() -> None:
    view = replace(
        REGISTERED, seats=(seat(1, 90), seat(0, 10)), labels={"champion": OLD, "challenger": NEW}
    )
    assert serving(view) == (
        f"live traffic now goes 90 % to {OLD} (champion) and 10 % to {NEW} (challenger)"
    )
    assert serving(View(endpoint=None)) == "live traffic now goes nowhere"


def test_a_split_that_is_none_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="sum to 100"):
        SetTraffic({"1": 90}, champion="1")
    with pytest.raises(ValueError, match="sum to 100"):
        SetTraffic({"2": 100}, champion="1")


def after(view: View, step: Step, candidate: Run) -> View:
    """What the real endpoint is after a step."""
    match step:
        case CreateEndpoint():
            return replace(view, endpoint="e")
        case Register():
            return replace(view, version=VERSION)
        case Deploy(name, display):
            assert view.version
            new = Seat(name, display, VERSION, 0, data_until(name), END)
            return replace(view, seats=(*view.seats, new))
        case Undeploy(name):
            gone = view.seat(name)
            assert gone is not None
            assert gone.share == 0
            assert name != view.labels.get("champion")
            return replace(view, seats=tuple(s for s in view.seats if s.id != name))
        case SetTraffic(split, champion, challenger):
            assert all(view.seat(name) for name in split)
            roles = {"champion": champion, "challenger": challenger}
            return replace(
                view,
                seats=tuple(replace(s, share=split.get(s.id, 0)) for s in view.seats),
                labels={role: name for role, name in roles.items() if name},
            )


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(1, 99), st.integers(0, 9)),
        max_size=12,
    )
)
def test_any_runs_cut_off_anywhere_keep_the_promises(
    runs: list[tuple[int, int, int, int]],
) -> None:
    """Each run dies after some steps; the next one, of whatever week, starts from what it left."""
    view = View(endpoint=None)
    crowned: str | None = None
    for ago, generation, share, survives in runs:
        candidate = run(ago, generation)
        view = replace(view, version=None)
        for _ in range(survives):
            decided = plan(view, wish(ago, generation, share))
            if not decided.steps:
                break
            view = after(view, decided.steps[0], candidate)
            assert len(view.seats) <= 2
            assert sum(view.split.values()) in ((0, 100) if crowned is None else (100,))
            crowned = crowned or view.labels.get("champion")
            assert view.labels.get("champion") == crowned
            assert crowned is None or view.seat(crowned) is not None
    # Whatever was left: a run of a newer week than all of them comes through within ten steps.
    last = run(0, 9)
    view = replace(view, version=None)
    for _ in range(10):
        steps = plan(view, wish(0, 9, 30)).steps
        if not steps:
            break
        view = after(view, steps[0], last)
    assert plan(view, wish(0, 9, 30)).steps == ()
    me = last.deployed_model_id
    if crowned is None:
        # Somebody's model may have been left on the endpoint before it was given its role.
        crowned = view.labels["champion"]
    assert view.split == ({me: 100} if crowned == me else {crowned: 70, me: 30})
    assert view.labels["champion"] == crowned
    assert {seat.id for seat in view.seats} == {crowned, me}


def test_steps_and_summary_read_well() -> None:
    view = replace(REGISTERED, seats=(seat(1, 100),), labels={"champion": OLD})
    decided = plan(view, wish())
    assert [str(step) for step in decided.steps] == [
        f"deploy m1-challenger-model as {NEW}, without traffic",
        f"give 90 % to {OLD} and 10 % to {NEW} (champion {OLD}, challenger {NEW})",
    ]
    assert decided.summary == (
        f"{NEW} is challenger with 10 % of the requests, {OLD} champion with 90 %"
    )
