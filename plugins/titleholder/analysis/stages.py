"""How the challenger's share grows: the next thing to do on the way to the title."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from titleholder.analysis.rules import format_days
from titleholder.analysis.verdict import Outcome


@dataclass(frozen=True)
class TrafficStep:
    """A share of the requests in per cent, 1 to 99, and how long the challenger keeps it at least.

    Raises ValueError for what cannot be.
    """

    traffic_percentage: int
    bake: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 1 <= self.traffic_percentage <= 99 or self.bake < timedelta(0):
            raise ValueError(f"a stage has 1 to 99 per cent and bakes 0 or longer, not {self}")


@dataclass(frozen=True)
class Transition:
    """What to do now; `share` is the challenger's after "move on", else None."""

    move: Literal["move on", "promote", "hold", "roll back"]
    reason: str
    traffic_percentage: int | None = None


def next_transition(
    stages: Sequence[TrafficStep], share: int, live: timedelta, outcome: Outcome
) -> Transition:
    """What follows from a verdict for a challenger that has had `share` per cent for `live`.

    A rollback waits for nothing; a promotion goes through every greater stage, each baked, and each
    with a verdict of its own. A share that somebody set between two stages bakes as long as the
    lower of them, and the next greater stage follows. Pure and total; stages in any order.
    """
    if not 1 <= share <= 99:
        return Transition("hold", f"{share} % is no challenger's share")
    if outcome is Outcome.ROLL_BACK:
        return Transition("roll back", f"the verdict at {share} % is to roll back")
    if outcome is not Outcome.PROMOTE:
        return Transition("hold", f"the verdict at {share} % is {outcome}")
    ordered = sorted(stages, key=lambda stage: stage.traffic_percentage)
    reached = [stage for stage in ordered if stage.traffic_percentage <= share] or ordered[:1]
    bake = reached[-1].bake if reached else timedelta(0)
    if live < bake:
        return Transition(
            "hold", f"{share} % bakes for {format_days(bake)}, and has for {format_days(live)}"
        )
    greater = next(
        (stage.traffic_percentage for stage in ordered if stage.traffic_percentage > share), None
    )
    if greater is not None:
        return Transition("move on", f"{share} % is passed; {greater} % is next", greater)
    return Transition("promote", f"{share} % is passed, the last stage")
