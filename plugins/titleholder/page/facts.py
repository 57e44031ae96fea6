"""All that a page says of one model. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.config.model import ModelConfig
from titleholder.events.event import Event
from titleholder.rollout.view import View

DAYS = 90
# What is read of a model, as the page calls it.
ENDPOINT, EVENTS = "The endpoint", "The events"


@dataclass(frozen=True)
class ModelFacts:
    """One model as it was found at `now` (aware).

    `view` and `events` (those of the last DAYS days, oldest first) are None when they could not be
    read; then `away` says why, a sentence for each. `notes` say what is being read now, and what is
    shown as it was read before; `unfinished`: a later look finds more.
    """

    config: ModelConfig
    now: datetime
    view: View | None
    events: Sequence[Event] | None
    unreachable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unfinished: bool = False


@dataclass(frozen=True)
class Unreadable:
    """A model of which not even the configuration is known, and why in one sentence."""

    model: str
    why: str
