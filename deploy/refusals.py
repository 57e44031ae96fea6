"""What speaks against a deployment, decided from what is wanted and what is there. No I/O."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from deploy.checkout import DesiredState
from deploy.plan import Delete, Object, Upload, plan, release_of

_FORCE = "repeat this with FORCE=1"


@dataclass(frozen=True)
class Objection:
    """`what` is wrong and where, and what is to be done about it: a sentence together."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


def uncommitted(want: DesiredState) -> list[Objection]:
    """At most one: what would be uploaded, and is in no commit."""
    if not want.uncommitted:
        return []
    return [
        Objection(
            f"{', '.join(want.uncommitted)} in this checkout differs from the last commit",
            "commit it, or repeat this with UNCOMMITTED=1 to deploy the working tree as it is",
        )
    ]


def objections(want: DesiredState, there: Mapping[str, Object]) -> list[Objection]:
    """Why the steps of `plan` must not be done unless a person says so: objects of others that they
    would replace, by whose they are, and deployed models that would be no more."""
    steps = plan(want, there)
    replaced = [step.name for step in steps if isinstance(step, Upload) and step.generation]
    deleted = [step.name for step in steps if isinstance(step, Delete)]
    foreign = (name for name in replaced if not there[name].of(want.owner))
    return [*_foreign(want, there, foreign), *_dropped(want, there, [*replaced, *deleted])]


def _foreign(
    want: DesiredState, there: Mapping[str, Object], names: Iterable[str]
) -> Iterator[Objection]:
    # By the owner; None for what no deployment wrote.
    groups: dict[str | None, list[str]] = {}
    for name in sorted(names):
        found = there[name]
        groups.setdefault(found.owner if found.deployed else None, []).append(name)
    for owner, group in groups.items():
        listed = f"{', '.join(group)} in the bucket"
        if owner is None:
            yield Objection(
                f"{listed} was not written by `make deploy`, or was changed since",
                f"keep what you need of it, then {_FORCE}",
            )
        elif not owner:
            yield Objection(
                f"{listed} was written by a `make deploy` that noted no owner",
                f"if that was this project's, {_FORCE} to take it over",
            )
        else:
            yield Objection(
                f"{listed} belongs to {owner}, and this checkout is {want.owner}",
                f"deploy to another environment, give both one OWNER, or {_FORCE} to take it over",
            )


def _dropped(
    want: DesiredState, there: Mapping[str, Object], names: Iterable[str]
) -> Iterator[Objection]:
    """Models of the releases whose DAG files would go."""
    gone = [name for name in names if re.fullmatch(r"dags/.*\.py", name)]
    releases = {there[name].release for name in gone}
    deployed: dict[str, str] = {}
    for name in sorted(there):
        # DAG files that were copied by hand have no release, and their models beside them.
        match = re.fullmatch(r"(?:dags|plugins/[^/]+)/models/([^/]+)\.yaml", name)
        if match and release_of(name) in releases:
            deployed.setdefault(match[1], name)
    for model, name in deployed.items():
        if model not in want.models:
            yield Objection(
                f"the model {model} is deployed ({name} in the bucket) and git tracks no "
                f"dags/models/{model}.yaml in this checkout, so its DAGs would be gone, while its "
                "endpoint stays",
                f"add the file, or {_FORCE} to drop the model",
            )
