from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.titleholder.analysis.designs import context_for
from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.guardrails import GuardrailFindings, apply_guardrails
from titleholder.analysis.issues import EvidenceIssue, GuardrailIssue
from titleholder.analysis.limits import LimitsFinding
from titleholder.analysis.sample_ratio import SampleRatioFinding
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RULES = Duel(loss="absolute", target="y")
PROMOTE, ROLLBACK, HOLD, INCONCLUSIVE = Outcome


def verdict(outcome: Outcome, issue: str = "") -> Verdict:
    return Verdict(outcome, "the duel", issue, 100, 0.1, 0.0, 0.2, 0.0, 1.0, 1)


def context(days: float = 2) -> EvaluationContext:
    return context_for(RULES, NOW - timedelta(days=days), NOW)


def split(outcome: Any) -> GuardrailFindings:
    return GuardrailFindings(sample_ratio=SampleRatioFinding(outcome, "counts", 0.0))


def limits(issue: GuardrailIssue | None) -> GuardrailFindings:
    return GuardrailFindings(limits=LimitsFinding(issue, "rates"))


# The outcomes in the order of the verdict by the duel.
BY_DUEL = (PROMOTE, HOLD, INCONCLUSIVE, ROLLBACK)
TABLE: list[tuple[GuardrailFindings, tuple[Outcome, ...]]] = [
    (GuardrailFindings(), BY_DUEL),
    (split("fits"), BY_DUEL),
    (split("insufficient_requests"), BY_DUEL),
    (limits(None), BY_DUEL),
    (split("mismatch"), (INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK)),
    (
        GuardrailFindings(unreadable=("no table",)),
        (INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    ),
    (limits(GuardrailIssue.INVALID_METRICS), (INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK)),
    (limits(GuardrailIssue.BOTH_LIMITS), (INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK)),
    (limits(GuardrailIssue.INSUFFICIENT_REQUESTS), (HOLD, HOLD, INCONCLUSIVE, ROLLBACK)),
    (limits(GuardrailIssue.CHAMPION_LIMITS), (PROMOTE, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE)),
    (limits(GuardrailIssue.CHALLENGER_LIMITS), (ROLLBACK, ROLLBACK, ROLLBACK, ROLLBACK)),
]


@pytest.mark.parametrize(("live", "outcomes"), TABLE)
def test_the_truth_table(live: GuardrailFindings, outcomes: tuple[Outcome, ...]) -> None:
    found = tuple(
        apply_guardrails(verdict(outcome), live, RULES, context()).outcome for outcome in BY_DUEL
    )
    assert found == outcomes


def test_nothing_in_live_traffic_promotes() -> None:
    for live, _ in TABLE:
        for outcome in (HOLD, INCONCLUSIVE, ROLLBACK):
            for days in (0, 2, 100):
                assert (
                    apply_guardrails(verdict(outcome), live, RULES, context(days)).outcome
                    is not PROMOTE
                )


def test_a_broken_limit_rolls_back_at_once() -> None:
    found = apply_guardrails(
        verdict(HOLD), limits(GuardrailIssue.CHALLENGER_LIMITS), RULES, context(0)
    )
    assert (found.outcome, found.reason, found.issue) == (ROLLBACK, "rates", "challenger_limits")


def test_no_rollback_to_a_champion_without_predictions() -> None:
    invalid = verdict(INCONCLUSIVE, EvidenceIssue.CHAMPION_INVALID.word)
    found = apply_guardrails(invalid, limits(GuardrailIssue.CHALLENGER_LIMITS), RULES, context())
    assert (found.outcome, found.reason) == (INCONCLUSIVE, "rates; but the duel")


def test_issues_of_live_traffic_end_after_max_duration() -> None:
    for live in (
        split("mismatch"),
        limits(GuardrailIssue.INSUFFICIENT_REQUESTS),
        GuardrailFindings(unreadable=("no table",)),
    ):
        found = apply_guardrails(verdict(PROMOTE), live, RULES, context(28))
        assert found.outcome is ROLLBACK
        assert found.reason.startswith("nothing was decided in 28 d; and ")
        manual = Duel(loss="absolute", target="y", on_timeout="manual")
        assert apply_guardrails(verdict(PROMOTE), live, manual, context(28)).outcome is INCONCLUSIVE
        assert apply_guardrails(verdict(PROMOTE), live, RULES, context(27)).outcome is not ROLLBACK


def test_the_most_severe_issue_is_reported() -> None:
    all_at_once = GuardrailFindings(
        SampleRatioFinding("mismatch", "counts", 9.0),
        LimitsFinding(GuardrailIssue.INSUFFICIENT_REQUESTS, "rates"),
        ("no table",),
    )
    found = apply_guardrails(verdict(PROMOTE), all_at_once, RULES, context())
    assert found.issue == "traffic_split"
    assert found.reason == "the requests do not fit the traffic split: counts; and the duel"
    # A table that cannot be read is worse than too few requests.
    no_table = apply_guardrails(
        verdict(PROMOTE), replace(all_at_once, sample_ratio=None), RULES, context()
    )
    assert (no_table.outcome, no_table.issue) == (INCONCLUSIVE, "unreadable")
