"""What somebody wants of an endpoint. The ids pin it: repeated after a change it means the same."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from titleholder.naming import Recency
from titleholder.rollout.steps import NewVersion


@dataclass(frozen=True)
class DeployCandidate:
    """The wish of the weekly run: its model in the registry, and on the endpoint as challenger
    with `share` per cent, or as champion when nobody else is there.

    `recency` tells how new the data is that it was trained on, and `period` is the length of that
    interval. With `wait` a challenger that is on the endpoint stays, and this model is only
    registered.
    """

    version: NewVersion
    deployed_model_id: str
    recency: Recency
    period: timedelta
    traffic_percentage: int
    endpoint: str
    create_endpoint: bool
    keep_current: bool = False


@dataclass(frozen=True)
class SetTrafficPercentage:
    """The challenger answers `share` per cent of the requests, 1 to 99; one that was withdrawn and
    is still deployed comes back, unless `only_current_challenger`."""

    challenger: str
    traffic_percentage: int
    only_current_challenger: bool = False


@dataclass(frozen=True)
class Promote:
    """The challenger becomes champion with all requests."""

    challenger: str


@dataclass(frozen=True)
class RollBack:
    """The challenger leaves, the champion answers all requests."""

    challenger: str


@dataclass(frozen=True)
class Abort:
    """The champion answers all requests at once; the challenger stays deployed without any."""

    challenger: str


@dataclass(frozen=True)
class UndoPromotion:
    """The previous champion takes the title back."""

    previous_champion: str


@dataclass(frozen=True)
class Adopt:
    """What somebody changed by hand is right: record it. `champion` says who it is where the
    traffic does not tell."""

    champion: str | None = None


@dataclass(frozen=True)
class Restore:
    """What somebody changed by hand is wrong: go back to what was recorded."""


Intent = (
    DeployCandidate
    | SetTrafficPercentage
    | Promote
    | RollBack
    | Abort
    | UndoPromotion
    | Adopt
    | Restore
)


@dataclass(frozen=True)
class Policy:
    """How models are replaced.

    recreate: never more than two are deployed, so the old challenger, and a previous champion that
    is kept, leave before the new one comes. surge: the new one is up before they leave, so three
    may be deployed meanwhile. `keep_previous_champion`: after a promotion the previous champion
    stays deployed without traffic until the next challenger needs its place.
    """

    replacement: Literal["recreate", "surge"] = "recreate"
    keep_previous_champion: bool = True
