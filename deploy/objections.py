"""Objections to a deployment, from the desired state and the existing objects. No I/O."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from deploy.checkout import DesiredState
from deploy.pipeline_images import image_region
from deploy.plan import Delete, Object, Upload, plan, release_of
from deploy.tracked import differences
from titleholder.errors import EnvironmentConfigError

_FORCE = "repeat this with FORCE=1"


@dataclass(frozen=True)
class Objection:
    """A reason not to deploy, and its remedy: together a sentence."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


def uncommitted(desired: DesiredState) -> list[Objection]:
    """At most one objection: files that would be uploaded and are in no commit."""
    if not desired.uncommitted:
        return []
    return [
        Objection(
            differences(desired.uncommitted),
            "commit the change, or repeat this with UNCOMMITTED=1 to deploy the working tree as it "
            "is",
        )
    ]


def missing_images(
    desired: DesiredState, lookups: Mapping[str, str | EnvironmentConfigError | None]
) -> list[Objection]:
    """An objection for each image of the pipelines that does not exist or that cannot be looked up,
    by the result of each lookup: its digest, None or an error. FORCE=1 overrides it."""
    found = []
    for image, result in lookups.items():
        named = f"{image}, which pipeline/compiled/{desired.images[image][0]} names,"
        if isinstance(result, EnvironmentConfigError):
            found.append(
                Objection(f"{named} cannot be looked up ({result})", f"correct that, or {_FORCE}")
            )
        elif result is None:
            found.append(
                Objection(
                    f"{named} does not exist, so its jobs would fail",
                    "build it first (`make image PROJECT=my-project LOCATION=us-central1` builds "
                    f"that of this checkout), or {_FORCE}",
                )
            )
    return found


def images_elsewhere(desired: DesiredState, location: str) -> list[str]:
    """A sentence for each image that is to serve models and is not in that region. Vertex AI
    registers a model only with an image of its own region, and none of a multi-region
    (https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#publishing).
    No objection, as the models' region may be another than the environment's."""
    return [
        f"{image}, which pipeline/compiled/{desired.images[image][0]} names, is in "
        f"{image_region(image)}, and Vertex AI registers models in {location} only with images "
        f"that are there; push it to {location}-docker.pkg.dev, unless GOOGLE_CLOUD_LOCATION or "
        "the Airflow connection names another region"
        for image in desired.serving_images
        if image_region(image) != location
    ]


def objections(desired: DesiredState, existing: Mapping[str, Object]) -> list[Objection]:
    """Objections to the steps of `plan` that FORCE=1 overrides: objects of other owners that would
    be replaced, one objection for each owner, and deployed models that would be dropped."""
    steps = plan(desired, existing)
    replaced = [step.name for step in steps if isinstance(step, Upload) and step.generation]
    deleted = [step.name for step in steps if isinstance(step, Delete)]
    foreign = (name for name in replaced if not existing[name].written_by(desired.owner))
    return [
        *_foreign(desired, existing, foreign),
        *_dropped(desired, existing, [*replaced, *deleted]),
    ]


def _foreign(
    desired: DesiredState, existing: Mapping[str, Object], names: Iterable[str]
) -> Iterator[Objection]:
    # By owner; None for objects that no deployment wrote.
    groups: dict[str | None, list[str]] = {}
    for name in sorted(names):
        found = existing[name]
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
                f"{listed} was written by a `make deploy` that recorded no owner",
                f"if that was this project's, {_FORCE} to take it over",
            )
        else:
            yield Objection(
                f"{listed} belongs to {owner}, and this checkout is {desired.owner}",
                f"deploy to another environment, give both one OWNER, or {_FORCE} to take it over",
            )


def _dropped(
    desired: DesiredState, existing: Mapping[str, Object], names: Iterable[str]
) -> Iterator[Objection]:
    """Models of the releases whose DAG files would be replaced or deleted."""
    dag_files = [name for name in names if re.fullmatch(r"dags/.*\.py", name)]
    releases = {existing[name].release for name in dag_files}
    deployed: dict[str, str] = {}
    for name in sorted(existing):
        # DAG files that were copied by hand have no release, and their models in dags/models/.
        match = re.fullmatch(r"(?:dags|plugins/[^/]+)/models/([^/]+)\.yaml", name)
        if match and release_of(name) in releases:
            deployed.setdefault(match[1], name)
    for model, name in deployed.items():
        if model not in desired.models:
            yield Objection(
                f"the model {model} is deployed ({name} in the bucket) and git tracks no "
                f"dags/models/{model}.yaml in this checkout, so its DAGs would disappear, while "
                "its endpoint stays",
                f"add the file, or {_FORCE} to drop the model",
            )
