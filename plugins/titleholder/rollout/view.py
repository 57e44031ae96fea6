"""What is there: an endpoint, the models deployed on it, and the candidate in the registry."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Seat:
    """A deployed model. `share` is its per cent of the requests; `data_until` the end of the
    interval it was trained on, None when it was not deployed by us."""

    id: str
    display_name: str
    model: str
    share: int = 0
    data_until: datetime | None = None
    deployed_at: datetime | None = None


@dataclass(frozen=True)
class View:
    """One observation. Labels and etag belong to the same read as the seats.

    `endpoint` is its resource name, None when it does not exist. `version` is the resource name of
    the candidate's registered version, None when it is not registered. `busy` names the operations
    in flight on the endpoint or in the registry.
    """

    endpoint: str | None
    seats: tuple[Seat, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    version: str | None = None
    busy: tuple[str, ...] = ()

    def seat(self, deployed_model_id: str | None) -> Seat | None:
        """The seat of that id, if any."""
        return next((seat for seat in self.seats if seat.id == deployed_model_id), None)

    @property
    def split(self) -> dict[str, int]:
        """Deployed model id to per cent, without those that get none."""
        return {seat.id: seat.share for seat in self.seats if seat.share}


def serving(view: View) -> str:
    """Who answers which share of the requests now, in words."""
    roles = {seat: role for role, seat in view.labels.items()}
    shares = [
        f"{share} % to {seat} ({roles.get(seat, 'no role')})" for seat, share in view.split.items()
    ]
    return f"live traffic now goes {' and '.join(shares) or 'nowhere'}"
