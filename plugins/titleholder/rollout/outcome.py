"""What a plan is."""

from dataclasses import dataclass
from typing import Literal

from titleholder.rollout.steps import Step

KEPT_OUT = ("superseded", "waiting")


@dataclass(frozen=True)
class Plan:
    """What to do, in order, and in one sentence what it comes to.

    `outcome` is "superseded" when a newer model kept this one out, "waiting" when a challenger did
    that is still being judged, "withdrawn" when it has had its turn, "done" otherwise. A plan that
    goes on although the endpoint was changed by hand says in words how it differs from the record,
    `by_hand`, and how it still does after the plan, `owed`. `repeated` is the sentence in place of
    the summary for a command that was carried out before, where that says more.
    """

    steps: tuple[Step, ...]
    summary: str
    outcome: Literal["done", "superseded", "waiting", "withdrawn"] = "done"
    by_hand: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    repeated: str = ""

    @property
    def answer(self) -> str:
        """What to say of it before a step of it is done: also that there is none to do, unless the
        model was kept out, which says so by itself."""
        if self.steps or self.outcome in KEPT_OUT:
            return self.summary
        return self.repeated or f"nothing to change: {self.summary}"
