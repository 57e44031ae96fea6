"""The verdict on a challenger and what follows, with all that it rests on. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from titleholder.config import ModelConfig
from titleholder.config_duel import Duel as Section
from titleholder.duel import evidence_of, rules_of
from titleholder.events import Event
from titleholder.rollout.contest import Contest
from titleholder.rollout.decision import Decision, decide, looks, since
from titleholder.rollout.evidence import Duel
from titleholder.rollout.verdict import Verdict, verdict
from titleholder.rollout.view import View


@dataclass(frozen=True)
class Measured:
    """What a duel handed over: its job's resource name, since when its numbers are, the evidence as
    docs/duel.md has it, and the URI of its report."""

    job: str
    at: datetime
    evidence: Mapping[str, Any]
    report: str = ""


@dataclass(frozen=True)
class Judgement:
    """A verdict, the decision that follows, and both with all they rest on, for the record."""

    verdict: Verdict
    decision: Decision
    record: dict[str, Any]


def judge(
    config: ModelConfig,
    section: Section,
    between: Contest,
    view: View,
    events: Sequence[Event],
    measured: Measured,
    now: datetime,
) -> Judgement:
    """Judge the challenger of `view` at `now`.

    `events` are the model's, oldest first: they tell how long the challenger has had its share and
    how often it was judged. Where they do not, the endpoint's last change is taken, which is no
    earlier: a challenger is never thought to be live for longer than it is.
    """
    challenger = between.challenger.id
    share = view.split.get(challenger, 0)
    begun = since(events, challenger, share) or view.updated or now
    look = Duel(
        between.champion.id, challenger, begun, now, looks(events, challenger, measured.job)
    )
    evidence = evidence_of(measured.evidence, between, measured.at)
    found = verdict(evidence, rules_of(section), look)
    rollout = config.rollout
    decision = decide(found, rollout.stages, share, look.live, challenger, rollout.promotion)
    record = {
        "job": measured.job,
        "report": measured.report,
        "measured": measured.at.isoformat(),
        "verdict": asdict(found) | {"outcome": str(found.outcome)},
        "decision": asdict(decision),
        "share": share,
        "since": begun.isoformat(),
        "rules": section.model_dump(mode="json"),
        "duel": dict(measured.evidence),
    }
    return Judgement(found, decision, record)
