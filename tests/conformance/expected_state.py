"""An independent model of Google's rules: the expected result of a call, and the state after it.

Each method returns the statuses with which the call may fail: several if it has several errors, as
their order is not documented, and none if it must succeed. Then the state is changed as well.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

INVALID, MISSING, TAKEN = "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS"
PRECONDITION, STALE = "FAILED_PRECONDITION", "ABORTED"

Split = Mapping[str, int]


@dataclass
class Endpoint:
    """`deployed` has (model, version) by deployed model id."""

    display_name: str
    labels: dict[str, str] = field(default_factory=dict)
    split: dict[str, int] = field(default_factory=dict)
    deployed: dict[str, tuple[str, int]] = field(default_factory=dict)
    busy: bool = False


@dataclass
class Model:
    """Aliases by version number; `last` is the highest number that was ever used."""

    versions: dict[int, set[str]] = field(default_factory=dict)
    last: int = 0

    def find(self, version: str) -> int | None:
        """The version of a number or alias; an empty one means `default`."""
        for number, aliases in self.versions.items():
            if version in {str(number), *aliases} or (not version and "default" in aliases):
                return number
        return None

    def move_aliases(self, version: int, aliases: Sequence[str]) -> None:
        """Add aliases to a version, and remove them from all others."""
        for others in self.versions.values():
            others.difference_update(aliases)
        self.versions[version].update(aliases)


def is_invalid_split(split: Split, ids: set[str]) -> bool:
    """Whether a split is not empty, and has unknown ids or does not sum to 100."""
    known = set(split) <= ids and all(0 <= share <= 100 for share in split.values())
    return bool(split) and not (known and sum(split.values()) == 100)


def is_invalid_alias(alias: str) -> bool:
    """Whether an alias is malformed."""
    return not re.fullmatch("[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]", alias)


def is_invalid_name(name: str) -> bool:
    """Whether a display name is too short or too long."""
    return not 1 <= len(name) <= 128


def are_invalid_labels(labels: Mapping[str, str]) -> bool:
    """Whether a key or value has invalid characters."""
    return not all(
        re.fullmatch("[a-z][a-z0-9_-]*", key) and re.fullmatch("[a-z0-9_-]*", value)
        for key, value in labels.items()
    )


class ExpectedState:
    """The expected endpoints and models of one location."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.models: dict[str, Model] = {}

    def create(self, name: str, display_name: str, labels: Mapping[str, str]) -> set[str]:
        statuses = set()
        if not re.fullmatch("[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name):
            statuses.add(INVALID)
        if is_invalid_name(display_name) or are_invalid_labels(labels):
            statuses.add(INVALID)
        if name in self.endpoints:
            statuses.add(TAKEN)
        if not statuses:
            self.endpoints[name] = Endpoint(display_name, dict(labels))
        return statuses

    def update(self, name: str, mask: Sequence[str], current_etag: bool, new: Endpoint) -> set[str]:
        statuses = set()
        now = self.endpoints.get(name, Endpoint(""))
        if name not in self.endpoints:
            statuses.add(MISSING)
        if not mask or not set(mask) <= {"display_name", "labels", "traffic_split"}:
            statuses.add(INVALID)
        if not current_etag:
            statuses.add(STALE)
        if "display_name" in mask and is_invalid_name(new.display_name):
            statuses.add(INVALID)
        if "labels" in mask and are_invalid_labels(new.labels):
            statuses.add(INVALID)
        if "traffic_split" in mask and is_invalid_split(new.split, set(now.deployed)):
            statuses.add(INVALID)
        if not statuses:
            now.display_name = new.display_name if "display_name" in mask else now.display_name
            now.labels = dict(new.labels) if "labels" in mask else now.labels
            now.split = dict(new.split) if "traffic_split" in mask else now.split
        return statuses

    def delete(self, name: str) -> set[str]:
        if name not in self.endpoints:
            return {MISSING}
        if self.endpoints[name].deployed or self.endpoints[name].busy:
            return {PRECONDITION}
        del self.endpoints[name]
        return set()

    def check_deploy(self, name: str, model: str, version: str, new: str, split: Split) -> set[str]:
        statuses = set()
        deployed = self.endpoints[name].deployed if name in self.endpoints else {}
        if name not in self.endpoints or self.version(model, version) is None:
            statuses.add(MISSING)
        elif self.endpoints[name].busy:
            statuses.add(PRECONDITION)
        if new in deployed:
            statuses.add(TAKEN)
        if new and (not re.fullmatch("[0-9]{1,10}", new) or new == "0"):
            statuses.add(INVALID)
        if is_invalid_split(split, {*deployed, "0"}):
            statuses.add(INVALID)
        return statuses

    def deploy(self, name: str, model_version: tuple[str, int], new: str, split: Split) -> None:
        """Apply a deploy that `check_deploy` allowed, at the end of its operation."""
        endpoint = self.endpoints[name]
        endpoint.deployed[new] = model_version
        if split:
            endpoint.split = {new if key == "0" else key: share for key, share in split.items()}

    def check_undeploy(self, name: str, deployed_model_id: str, split: Split) -> set[str]:
        if name not in self.endpoints:
            return {MISSING}
        endpoint = self.endpoints[name]
        statuses = set()
        if endpoint.busy:
            statuses.add(PRECONDITION)
        if deployed_model_id not in endpoint.deployed:
            statuses.add(MISSING if deployed_model_id else INVALID)
        if is_invalid_split(split, set(endpoint.deployed)):
            statuses.add(INVALID)
        if set(endpoint.deployed) - {deployed_model_id} and (split or endpoint.split).get(
            deployed_model_id, 0
        ):
            statuses.add(PRECONDITION)
        return statuses

    def undeploy(self, name: str, deployed_model_id: str, split: Split) -> None:
        """Apply an undeploy that `check_undeploy` allowed, at the end of its operation."""
        endpoint = self.endpoints[name]
        del endpoint.deployed[deployed_model_id]
        after = split or endpoint.split
        endpoint.split = {key: share for key, share in after.items() if key in endpoint.deployed}

    def upload(self, name: str, parent: str, aliases: Sequence[str]) -> set[str]:
        statuses = set()
        if any(is_invalid_alias(alias) for alias in aliases):
            statuses.add(INVALID)
        if parent:
            if parent not in self.models:
                statuses.add(MISSING)
            if name:
                statuses.add(INVALID)
        else:
            if not re.fullmatch("[a-z_][a-z0-9_-]{0,62}", name):
                statuses.add(INVALID)
            if name in self.models:
                statuses.add(TAKEN)
        if not statuses:
            model = self.models.setdefault(parent or name, Model())
            model.last += 1
            model.versions[model.last] = set()
            model.move_aliases(model.last, [*aliases, *([] if parent else ["default"])])
        return statuses

    def merge(self, name: str, version: int, changes: Sequence[str]) -> set[str]:
        added = {change for change in changes if not change.startswith("-")}
        removed = {change[1:] for change in changes if change.startswith("-")}
        statuses = set()
        if not changes or any(is_invalid_alias(alias) for alias in added | removed):
            statuses.add(INVALID)
        model = self.models.get(name, Model())
        if version not in model.versions:
            return statuses | {MISSING}
        if removed - added - model.versions[version] or "default" in removed - added:
            statuses.add(INVALID)
        if not statuses:
            model.versions[version] -= removed - added
            model.move_aliases(version, sorted(added - removed))
        return statuses

    def delete_version(self, name: str, version: int) -> set[str]:
        model = self.models.get(name, Model())
        if version not in model.versions:
            return {MISSING}
        only, default = len(model.versions) == 1, "default" in model.versions[version]
        if only or default or (name, version) in self.deployed_versions():
            return {PRECONDITION}
        del model.versions[version]
        return set()

    def delete_model(self, name: str) -> set[str]:
        if name not in self.models:
            return {MISSING}
        if any(model == name for model, _ in self.deployed_versions()):
            return {PRECONDITION}
        del self.models[name]
        return set()

    def version(self, model: str, version: str) -> int | None:
        """The number of a version, or None."""
        return self.models[model].find(version) if model in self.models else None

    def deployed_versions(self) -> set[tuple[str, int]]:
        """Every (model, version) that is deployed to an endpoint."""
        return {
            model_version
            for endpoint in self.endpoints.values()
            for model_version in endpoint.deployed.values()
        }
