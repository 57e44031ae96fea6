"""What is known of a model, for its part of the page. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.config.model import ModelConfig
from titleholder.events.event import Event
from titleholder.rollout.view import View

DAYS = 90
# The names of the two readings on the page.
ENDPOINT, EVENTS = "The endpoint", "The events"


@dataclass(frozen=True)
class ModelFacts:
    """One model as read at `now` (aware).

    `view` and `events` (those of the last DAYS days, oldest first) are None if they could not be
    read; `unreachable` then has one sentence for each. `notes` say what is still being read, and
    what is shown from an earlier reading. `unfinished`: a later reading finds more.
    """

    config: ModelConfig
    now: datetime
    view: View | None
    events: Sequence[Event] | None
    unreachable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unfinished: bool = False

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.config.model


@dataclass(frozen=True)
class Unreadable:
    """A model without a valid configuration, and the reason in one sentence."""

    model: str
    reason: str
