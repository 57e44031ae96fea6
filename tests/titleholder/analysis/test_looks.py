"""The design and the looks of one challenger, across its evaluations."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.titleholder.analysis.test_duel_job import CONFIG, NOW, PAIR, RAW, VIEW, duel
from titleholder.analysis.evaluate import DuelResult, Evaluation, evaluate, evaluation_context
from titleholder.analysis.guardrails import LiveObservations
from titleholder.analysis.sequential.design import Look
from titleholder.analysis.verdict import Outcome
from titleholder.config.duel import Duel
from titleholder.events.event import Event
from titleholder.rollout.view import Version, View

DAY = timedelta(days=1)
DEPLOYED = NOW - 3 * DAY
MODELS = tuple(replace(one, deployed_at=DEPLOYED) for one in VIEW.deployed_models)
DEPLOYED_VIEW = replace(VIEW, deployed_models=MODELS)


def evaluated(
    day: int,
    earlier: list[Event],
    rules: Duel | None = None,
    view: View = DEPLOYED_VIEW,
    **raw: Any,
) -> tuple[Evaluation, list[Event]]:
    """The evaluation of that day after the deployment, and the events with it."""
    rules, now = rules or duel(), DEPLOYED + day * DAY
    result = DuelResult(f"job-{day}", now, RAW | {"last_row": now.isoformat()} | raw)
    context = evaluation_context(CONFIG, rules, PAIR, view, earlier, result.job, now)
    made = evaluate(CONFIG, rules, PAIR, context, 10, result, LiveObservations())
    event = Event(
        id=f"evaluated-{day}",
        time=now,
        model="linnerud",
        endpoint="e",
        action="evaluated",
        reason="",
        champion_after="1",
        challenger_after="2",
        split_before={"1": 90, "2": 10},
        split_after={"1": 90, "2": 10},
        evidence=made.record,
    )
    return made, [*earlier, event]


def test_looks_add_up_and_the_first_records_the_design() -> None:
    events: list[Event] = []
    for day, n in ((1, 600), (2, 900), (3, 1500)):
        counts = dict.fromkeys(("n", "rows_compared", "rows", "rows_labelled"), n)
        counts |= dict.fromkeys(("champion_rows", "challenger_rows"), n)
        one_day = [{"day": "2026-11-18", "n": n, "mean": 0.0, "variance": 1.0}]
        found, events = evaluated(day, events, mean=0.0, targets={}, days=one_day, **counts)
    design = found.record["design"]
    assert design["kind"] == "group_sequential"
    assert all(event.evidence["design"] == design for event in events)
    looks = [event.evidence["verdict"]["look"] for event in events]
    assert [look["rows"] for look in looks] == [600, 900, 1500]
    assert [look["time"] for look in looks] == sorted(look["time"] for look in looks)
    assert found.record["forecast"]["promotion"] < 0.1
    # A repetition with the same duel is the same look.
    again, _ = evaluated(3, events, mean=0.0, targets={}, days=one_day, **counts)
    assert again.verdict == found.verdict


def test_an_edit_of_the_rules_is_named_and_promotes_nothing() -> None:
    _, events = evaluated(1, [], mean=0.0)
    changed = duel().model_copy(update={"alpha": 0.2})
    found, events = evaluated(2, events, changed)
    assert (found.verdict.outcome, found.verdict.issue) == (
        Outcome.INCONCLUSIVE,
        "design_changed",
    )
    assert "alpha is 0.2 and was 0.05" in found.decision.reason
    # The recorded design still holds, and rolls back.
    assert found.record["design"]["alpha"] == 0.05
    assert evaluated(2, events[:1], changed, mean=-0.5)[0].verdict.outcome is Outcome.ROLLBACK
    # The file is restored.
    assert evaluated(3, events)[0].verdict.outcome is Outcome.PROMOTE


def test_the_same_training_run_under_its_other_id_keeps_its_design() -> None:
    """`update-resources` deploys a version again, later and under another id."""
    _, events = evaluated(1, [], mean=0.0)
    before = replace(events[0], challenger_after="2b", champion_after="1b")
    versions = (
        Version("1", frozenset({"linnerud-old"})),
        Version("2", frozenset({"linnerud-new"})),
    )

    class Renamed(View):
        def other_id(self, deployed_model_id: str) -> str | None:
            return f"{deployed_model_id}b"

    later = tuple(replace(one, deployed_at=DEPLOYED + DAY) for one in MODELS)
    view = Renamed(**{**vars(DEPLOYED_VIEW), "deployed_models": later, "versions": versions})
    found, _ = evaluated(2, [before], view=view)
    assert found.record["design"] == events[0].evidence["design"]
    assert found.verdict.issue != "design_changed"


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"verdict": None, "job": "x"},
        {"verdict": {"look": None}, "design": 3, "job": "x"},
        {"verdict": {"look": {"time": "soon", "rows": 3}}, "job": "x"},
        {"verdict": {"look": {"time": 0.1, "rows": 300}}},
    ],
)
def test_events_of_other_versions_are_no_looks(evidence: dict[str, Any]) -> None:
    _, (event,) = evaluated(1, [], mean=0.0)
    odd = replace(event, evidence=evidence)
    context = evaluation_context(CONFIG, duel(), PAIR, DEPLOYED_VIEW, [odd], "job-2", NOW)
    assert (context.earlier, context.changes) == ((), "")


def test_another_champion_is_another_comparison() -> None:
    _, (event,) = evaluated(1, [], mean=0.0)
    other = replace(event, champion_after="7")
    context = evaluation_context(CONFIG, duel(), PAIR, DEPLOYED_VIEW, [other], "job-2", NOW)
    assert context.earlier == ()
    same = evaluation_context(CONFIG, duel(), PAIR, DEPLOYED_VIEW, [event], "job-2", NOW)
    assert same.earlier == (Look(event.evidence["verdict"]["look"]["time"], 2000),)
