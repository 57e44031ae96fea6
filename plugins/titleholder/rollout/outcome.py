"""What a plan is."""

from dataclasses import dataclass
from typing import Literal

from titleholder.rollout.steps import Step


@dataclass(frozen=True)
class Plan:
    """What to do, in order, and in one sentence what it comes to.

    `outcome` is "superseded" when a newer model kept this one out, "waiting" when a challenger did
    that is still being judged, "withdrawn" when it has had its turn, "done" otherwise.
    """

    steps: tuple[Step, ...]
    summary: str
    outcome: Literal["done", "superseded", "waiting", "withdrawn"] = "done"
