from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.guardrails import GuardrailFindings, apply_guardrails
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.limits import LimitsFinding
from titleholder.analysis.sample_ratio import SampleRatioFinding
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RULES = Duel(loss="absolute", target="y")
PROMOTE, HOLD, WRONG, BACK = Outcome.PROMOTE, Outcome.HOLD, Outcome.INCONCLUSIVE, Outcome.ROLLBACK


def said(outcome: Outcome, doubt: str = "") -> Verdict:
    return Verdict(outcome, "the duel", doubt, 100, 0.1, 0.0, 0.2, 0.0, 1.0, 1)


def look(days: float = 2) -> EvaluationContext:
    return EvaluationContext("1", "2", NOW - timedelta(days=days), NOW, 1)


def split(outcome: Any) -> GuardrailFindings:
    return GuardrailFindings(sample_ratio=SampleRatioFinding(outcome, "counts", 0.0))


def limits(outcome: Any) -> GuardrailFindings:
    return GuardrailFindings(limits=LimitsFinding(outcome, "rates"))


# In the order of the verdict by the duel: promote, hold, inconclusive, roll back.
BY_DUEL = (PROMOTE, HOLD, WRONG, BACK)
TABLE: list[tuple[GuardrailFindings, tuple[Outcome, ...]]] = [
    (GuardrailFindings(), BY_DUEL),
    (split("fine"), BY_DUEL),
    (split("too few"), BY_DUEL),
    (limits("kept"), BY_DUEL),
    (split("off"), (WRONG, WRONG, WRONG, BACK)),
    (GuardrailFindings(unreadable=("no table",)), (WRONG, WRONG, WRONG, BACK)),
    (limits("impossible"), (WRONG, WRONG, WRONG, BACK)),
    (limits("both"), (WRONG, WRONG, WRONG, BACK)),
    (limits("too few"), (HOLD, HOLD, WRONG, BACK)),
    (limits("champion"), (PROMOTE, WRONG, WRONG, WRONG)),
    (limits("broken"), (BACK, BACK, BACK, BACK)),
]


@pytest.mark.parametrize(("live", "outcomes"), TABLE)
def test_the_truth_table(live: GuardrailFindings, outcomes: tuple[Outcome, ...]) -> None:
    made = tuple(
        apply_guardrails(said(outcome), live, RULES, look()).outcome for outcome in BY_DUEL
    )
    assert made == outcomes


def test_nothing_in_live_traffic_promotes() -> None:
    for live, _ in TABLE:
        for outcome in (HOLD, WRONG, BACK):
            for days in (0, 2, 100):
                assert (
                    apply_guardrails(said(outcome), live, RULES, look(days)).outcome is not PROMOTE
                )


def test_a_broken_limit_waits_for_no_time() -> None:
    made = apply_guardrails(said(HOLD), limits("broken"), RULES, look(0))
    assert (made.outcome, made.reason, made.issue) == (BACK, "rates", "limits")


def test_nobody_is_sent_back_to_a_champion_that_does_not_answer() -> None:
    silent = said(WRONG, EvidenceIssue.CHAMPION_INVALID.word)
    made = apply_guardrails(silent, limits("broken"), RULES, look())
    assert (made.outcome, made.reason) == (WRONG, "rates; but the duel")


def test_what_holds_a_promotion_back_ends_at_the_deadline() -> None:
    for live in (split("off"), limits("too few"), GuardrailFindings(unreadable=("no table",))):
        made = apply_guardrails(said(PROMOTE), live, RULES, look(28))
        assert made.outcome is BACK
        assert made.reason.startswith("nothing was decided in 28 d; and ")
        asks = Duel(loss="absolute", target="y", on_timeout="manual")
        assert apply_guardrails(said(PROMOTE), live, asks, look(28)).outcome is WRONG
        never = Duel(loss="absolute", target="y", max_duration=None)
        assert apply_guardrails(said(PROMOTE), live, never, look(999)).outcome is not BACK


def test_the_gravest_is_named() -> None:
    all_at_once = GuardrailFindings(
        SampleRatioFinding("off", "counts", 9.0), LimitsFinding("too few", "rates"), ("no table",)
    )
    made = apply_guardrails(said(PROMOTE), all_at_once, RULES, look())
    assert made.issue == "split"
    assert made.reason == "requests do not go where the split says: counts; and the duel"
