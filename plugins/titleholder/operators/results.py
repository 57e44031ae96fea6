"""The results that the tasks of `<model>__rollout` return to those that follow, as XComs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from titleholder.analysis.model_pair import ModelPair, RegisteredModel
from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.retraining import EarlyTraining
from titleholder.data_intervals import Interval
from titleholder.rollout.intents import RoleIntent, intent_from, intent_to_json

EVALUATE = "evaluate"
"""The intent of a scheduled run."""


@dataclass(frozen=True)
class Observed:
    """The result of `observe`: the pair to evaluate, if any, and the champion to watch, if any; or
    else a person's intent with its target."""

    pair: ModelPair | None
    intent: RoleIntent | None
    watched: WatchedChampion | None = None

    def to_xcom(self) -> dict[str, Any]:
        """JSON for `from_xcom`, readable in Airflow's UI."""
        if self.intent is None:
            pair = asdict(self.pair) if self.pair is not None else {}
            watched = self.watched.to_json() if self.watched is not None else None
            return {"intent": EVALUATE, **pair, "watched": watched}
        arguments = intent_to_json(self.intent)
        return {"intent": arguments.pop("name"), **arguments}

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any]) -> "Observed":
        """Raises KeyError and TypeError for a result of another version of this package."""
        if value["intent"] != EVALUATE:
            percentage = value["traffic_percentage"]
            intent = intent_from(value["intent"], value["deployed_model_id"], percentage)
            return cls(None, intent)
        watched = value["watched"]
        pair = None
        if "challenger" in value:
            champion, challenger = (
                RegisteredModel(**value[role]) for role in ("champion", "challenger")
            )
            pair = ModelPair(champion, challenger)
        return cls(pair, None, WatchedChampion.from_json(watched) if watched is not None else None)


@dataclass(frozen=True)
class Decided:
    """The result of `decide`. `champion` and `challenger` are registered versions such as
    `linnerud@3`, `verdict` has the numbers of one that promotes, else None.

    `recorded` is the time of the verdict's event (RFC 3339); `last_event` the endpoint's label and
    `policy` the digest of the model's sections (analysis.evaluate.policy_of) at that time.
    """

    outcome: str
    reason: str
    intent: RoleIntent | None
    needs_approval: bool
    champion: str
    challenger: str
    verdict: dict[str, float | None] | None
    job: str
    report: str
    recorded: str
    last_event: str
    policy: str

    def to_xcom(self) -> dict[str, Any]:
        """JSON for `from_xcom`, readable in Airflow's UI."""
        intent = intent_to_json(self.intent) if self.intent is not None else None
        return {**asdict(self), "intent": intent}

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any]) -> "Decided":
        """Raises KeyError and TypeError for a result of another version of this package."""
        intent = intent_from(**value["intent"]) if value["intent"] else None
        return cls(**{**value, "intent": intent})

    @property
    def evidence(self) -> dict[str, Any]:
        """Outcome, reason, job and report, for the events that follow from the verdict."""
        return {name: getattr(self, name) for name in ("outcome", "reason", "job", "report")}


@dataclass(frozen=True)
class Watched:
    """The result of `watch_champion`: the phase and the sentence of the look, the early training to
    start, if any, and the deployed model ids of the champion and of the previous champion that is
    to return, "" for none. `looked` is the time of the look (RFC 3339), `evidence` is for the
    events that follow."""

    phase: str
    reason: str
    training: EarlyTraining | None
    champion: str
    previous: str
    looked: str
    evidence: dict[str, Any]

    def to_xcom(self) -> dict[str, Any]:
        """JSON for `from_xcom`, readable in Airflow's UI."""
        training = self.training.to_json() if self.training is not None else None
        return {**asdict(self), "training": training}

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any]) -> "Watched":
        """Raises KeyError and TypeError for a result of another version of this package."""
        raw = value["training"]
        training = None
        if raw is not None:
            start, end = (
                datetime.fromisoformat(raw[name]) for name in ("interval_start", "interval_end")
            )
            training = EarlyTraining(raw["run_id"], raw["cause"], Interval(start, end))
        return cls(**{**value, "training": training})
