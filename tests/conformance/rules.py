"""Google's rules once more, in few words, without a look at the sandbox's: what a call does.

Each method returns the statuses with which the call may be refused (several when several things
are wrong with it: which one is told first is not documented), none when it is to succeed; then
the world has changed as the call changes it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

INVALID, MISSING, TAKEN = "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS"
PRECONDITION, STALE = "FAILED_PRECONDITION", "ABORTED"

Split = Mapping[str, int]


@dataclass
class Endpoint:
    """Seats are deployed models: id to (model, version)."""

    display_name: str
    labels: dict[str, str] = field(default_factory=dict)
    split: dict[str, int] = field(default_factory=dict)
    seats: dict[str, tuple[str, int]] = field(default_factory=dict)
    busy: bool = False


@dataclass
class Model:
    """Version number to its aliases; `last` is the highest number ever given."""

    versions: dict[int, set[str]] = field(default_factory=dict)
    last: int = 0

    def find(self, version: str) -> int | None:
        """The number that a number or alias means; nothing means `default`."""
        for number, aliases in self.versions.items():
            if version in {str(number), *aliases} or (not version and "default" in aliases):
                return number
        return None

    def give(self, version: int, aliases: Sequence[str]) -> None:
        """Each alias has one bearer."""
        for borne in self.versions.values():
            borne.difference_update(aliases)
        self.versions[version].update(aliases)


def wrong_split(split: Split, ids: set[str]) -> bool:
    """Whether it is neither empty nor made of known ids and shares that sum to 100."""
    known = set(split) <= ids and all(0 <= share <= 100 for share in split.values())
    return bool(split) and not (known and sum(split.values()) == 100)


def wrong_alias(alias: str) -> bool:
    """Whether nothing may be called that."""
    return not re.fullmatch("[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]", alias)


def wrong_name(name: str) -> bool:
    """Whether it is no display name."""
    return not 1 <= len(name) <= 128


def wrong_labels(labels: Mapping[str, str]) -> bool:
    """Whether a key or value has other characters than are allowed."""
    return not all(
        re.fullmatch("[a-z][a-z0-9_-]*", key) and re.fullmatch("[a-z0-9_-]*", value)
        for key, value in labels.items()
    )


class World:
    """All endpoints and models of one location."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.models: dict[str, Model] = {}

    def create(self, name: str, display_name: str, labels: Mapping[str, str]) -> set[str]:
        refused = set()
        if not re.fullmatch("[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name):
            refused.add(INVALID)
        if wrong_name(display_name) or wrong_labels(labels):
            refused.add(INVALID)
        if name in self.endpoints:
            refused.add(TAKEN)
        if not refused:
            self.endpoints[name] = Endpoint(display_name, dict(labels))
        return refused

    def update(self, name: str, mask: Sequence[str], fresh: bool, new: Endpoint) -> set[str]:
        refused = set()
        now = self.endpoints.get(name, Endpoint(""))
        if name not in self.endpoints:
            refused.add(MISSING)
        if not mask or not set(mask) <= {"display_name", "labels", "traffic_split"}:
            refused.add(INVALID)
        if not fresh:
            refused.add(STALE)
        if "display_name" in mask and wrong_name(new.display_name):
            refused.add(INVALID)
        if "labels" in mask and wrong_labels(new.labels):
            refused.add(INVALID)
        if "traffic_split" in mask and wrong_split(new.split, set(now.seats)):
            refused.add(INVALID)
        if not refused:
            now.display_name = new.display_name if "display_name" in mask else now.display_name
            now.labels = dict(new.labels) if "labels" in mask else now.labels
            now.split = dict(new.split) if "traffic_split" in mask else now.split
        return refused

    def delete(self, name: str) -> set[str]:
        if name not in self.endpoints:
            return {MISSING}
        if self.endpoints[name].seats or self.endpoints[name].busy:
            return {PRECONDITION}
        del self.endpoints[name]
        return set()

    def may_deploy(self, name: str, model: str, version: str, new: str, split: Split) -> set[str]:
        refused = set()
        seats = self.endpoints[name].seats if name in self.endpoints else {}
        if name not in self.endpoints or self.version(model, version) is None:
            refused.add(MISSING)
        elif self.endpoints[name].busy:
            refused.add(PRECONDITION)
        if new in seats:
            refused.add(TAKEN)
        if new and (not re.fullmatch("[0-9]{1,10}", new) or new == "0"):
            refused.add(INVALID)
        if wrong_split(split, {*seats, "0"}):
            refused.add(INVALID)
        return refused

    def deploy(self, name: str, seat: tuple[str, int], new: str, split: Split) -> None:
        """Once `may_deploy` said so and the operation is over."""
        endpoint = self.endpoints[name]
        endpoint.seats[new] = seat
        if split:
            endpoint.split = {new if key == "0" else key: share for key, share in split.items()}

    def may_undeploy(self, name: str, gone: str, split: Split) -> set[str]:
        if name not in self.endpoints:
            return {MISSING}
        endpoint = self.endpoints[name]
        refused = set()
        if endpoint.busy:
            refused.add(PRECONDITION)
        if gone not in endpoint.seats:
            refused.add(MISSING if gone else INVALID)
        if wrong_split(split, set(endpoint.seats)):
            refused.add(INVALID)
        if set(endpoint.seats) - {gone} and (split or endpoint.split).get(gone, 0):
            refused.add(PRECONDITION)
        return refused

    def undeploy(self, name: str, gone: str, split: Split) -> None:
        """Once `may_undeploy` said so and the operation is over."""
        endpoint = self.endpoints[name]
        del endpoint.seats[gone]
        after = split or endpoint.split
        endpoint.split = {key: share for key, share in after.items() if key in endpoint.seats}

    def upload(self, name: str, parent: str, aliases: Sequence[str]) -> set[str]:
        refused = set()
        if any(wrong_alias(alias) for alias in aliases):
            refused.add(INVALID)
        if parent:
            if parent not in self.models:
                refused.add(MISSING)
            if name:
                refused.add(INVALID)
        else:
            if not re.fullmatch("[a-z_][a-z0-9_-]{0,62}", name):
                refused.add(INVALID)
            if name in self.models:
                refused.add(TAKEN)
        if not refused:
            model = self.models.setdefault(parent or name, Model())
            model.last += 1
            model.versions[model.last] = set()
            model.give(model.last, [*aliases, *([] if parent else ["default"])])
        return refused

    def merge(self, name: str, version: int, changes: Sequence[str]) -> set[str]:
        plus = {change for change in changes if not change.startswith("-")}
        minus = {change[1:] for change in changes if change.startswith("-")}
        refused = set()
        if not changes or any(wrong_alias(alias) for alias in plus | minus):
            refused.add(INVALID)
        model = self.models.get(name, Model())
        if version not in model.versions:
            return refused | {MISSING}
        if minus - plus - model.versions[version] or "default" in minus - plus:
            refused.add(INVALID)
        if not refused:
            model.versions[version] -= minus - plus
            model.give(version, sorted(plus - minus))
        return refused

    def delete_version(self, name: str, version: int) -> set[str]:
        model = self.models.get(name, Model())
        if version not in model.versions:
            return {MISSING}
        only, default = len(model.versions) == 1, "default" in model.versions[version]
        if only or default or (name, version) in self.seated():
            return {PRECONDITION}
        del model.versions[version]
        return set()

    def delete_model(self, name: str) -> set[str]:
        if name not in self.models:
            return {MISSING}
        if any(model == name for model, _ in self.seated()):
            return {PRECONDITION}
        del self.models[name]
        return set()

    def version(self, model: str, version: str) -> int | None:
        """The number of that version, if it is there."""
        return self.models[model].find(version) if model in self.models else None

    def seated(self) -> set[tuple[str, int]]:
        """Every version that is deployed somewhere."""
        return {seat for endpoint in self.endpoints.values() for seat in endpoint.seats.values()}
