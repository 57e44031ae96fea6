"""What live traffic makes of a verdict: it may end or hold back a challenger, never promote it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.limits import ArmMetrics, LimitsFinding
from titleholder.analysis.rules import Rules
from titleholder.analysis.sample_ratio import SampleRatioFinding
from titleholder.analysis.verdict import Outcome, Verdict, timeout_outcome

# The split may take a while to be everywhere after it was set; until then nothing is counted.
SETTLING_TIME = timedelta(minutes=5)


@dataclass(frozen=True)
class LiveObservations:
    """Requests by deployed model id, from the endpoint's log, and what each did, from the metrics;
    None for what is not asked for or could not be read. `unread` says in a sentence each what could
    not be read, and what to do."""

    requests: Mapping[str, float] | None = None
    arms: Mapping[str, ArmMetrics] | None = None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class GuardrailFindings:
    """What follows from that; None where nothing was observed."""

    sample_ratio: SampleRatioFinding | None = None
    limits: LimitsFinding | None = None
    unreadable: tuple[str, ...] = ()


def apply_guardrails(
    found: Verdict, live: GuardrailFindings, rules: Rules, duel: EvaluationContext
) -> Verdict:
    """The verdict, as far as live traffic bears it out. Pure and total.

    In this order: a broken limit rolls back at once; nobody is sent back to a champion that breaks
    a limit which the challenger keeps, or that does not answer; any other rollback stays; whatever
    is wrong leaves the traffic as it is, and at the deadline ends as any other doubt does.
    """
    limits = live.limits
    if limits and limits.outcome == "broken":
        if found.issue == EvidenceIssue.CHAMPION_INVALID.word:
            return replace(found, reason=f"{limits.reason}; but {found.reason}")
        return replace(found, outcome=Outcome.ROLL_BACK, reason=limits.reason, issue="limits")
    if found.outcome is Outcome.ROLL_BACK:
        if limits and limits.outcome == "champion":
            told = f"{limits.reason}, so nobody is sent back to it, though {found.reason}"
            return replace(found, outcome=Outcome.INCONCLUSIVE, reason=told, issue="limits")
        return found
    wrong = list(_wrong(live))
    if found.outcome is Outcome.PROMOTE:
        # A better challenger may well take the title from a champion that breaks its limits.
        wrong = [one for one in wrong if one[0] != "champion"]
    else:
        wrong = [one for one in wrong if one[0] != "too few"]
    if not wrong or found.outcome is Outcome.INCONCLUSIVE:
        return found
    word, told = wrong[0]
    reason = f"{told}; and {found.reason}"
    outcome = Outcome.HOLD if word == "too few" else Outcome.INCONCLUSIVE
    if found.outcome is Outcome.PROMOTE:
        outcome, reason = timeout_outcome(rules, duel, f"; and {told}") or (outcome, reason)
    return replace(found, outcome=outcome, reason=reason, issue=word)


def _wrong(live: GuardrailFindings) -> Iterator[tuple[str, str]]:
    """What is wrong, gravest first: in a word, and in a sentence."""
    if live.sample_ratio and live.sample_ratio.outcome == "off":
        yield "split", f"requests do not go where the split says: {live.sample_ratio.reason}"
    if live.limits and live.limits.outcome not in ("kept", "broken", "too few"):
        yield live.limits.outcome, live.limits.reason
    for told in live.unreadable:
        yield "unread", told
    if live.limits and live.limits.outcome == "too few":
        yield "too few", live.limits.reason
