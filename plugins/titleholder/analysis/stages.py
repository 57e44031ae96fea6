"""How the challenger's share grows: the next thing to do on the way to the title."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from titleholder.analysis.rules import days
from titleholder.analysis.verdict import Outcome


@dataclass(frozen=True)
class Stage:
    """A share of the requests in per cent, 1 to 99, and how long the challenger keeps it at least.

    Raises ValueError for what cannot be.
    """

    share: int
    bake: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 1 <= self.share <= 99 or self.bake < timedelta(0):
            raise ValueError(f"a stage has 1 to 99 per cent and bakes 0 or longer, not {self}")


@dataclass(frozen=True)
class Next:
    """What to do now; `share` is the challenger's after "move on", else None."""

    move: Literal["move on", "promote", "hold", "roll back"]
    reason: str
    share: int | None = None


def next_stage(stages: Sequence[Stage], share: int, live: timedelta, outcome: Outcome) -> Next:
    """What follows from a verdict for a challenger that has had `share` per cent for `live`.

    A rollback waits for nothing; a promotion goes through every greater stage, each baked, and each
    with a verdict of its own. A share that somebody set between two stages bakes as long as the
    lower of them, and the next greater stage follows. Pure and total; stages in any order.
    """
    if not 1 <= share <= 99:
        return Next("hold", f"{share} % is no challenger's share")
    if outcome is Outcome.ROLL_BACK:
        return Next("roll back", f"the verdict at {share} % is to roll back")
    if outcome is not Outcome.PROMOTE:
        return Next("hold", f"the verdict at {share} % is {outcome}")
    ordered = sorted(stages, key=lambda stage: stage.share)
    reached = [stage for stage in ordered if stage.share <= share] or ordered[:1]
    bake = reached[-1].bake if reached else timedelta(0)
    if live < bake:
        return Next("hold", f"{share} % bakes for {days(bake)}, and has for {days(live)}")
    greater = next((stage.share for stage in ordered if stage.share > share), None)
    if greater is not None:
        return Next("move on", f"{share} % is passed; {greater} % is next", greater)
    return Next("promote", f"{share} % is passed, the last stage")
