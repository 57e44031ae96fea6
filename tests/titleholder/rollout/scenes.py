"""Views to plan from: m1's weekly models, named by how many weeks ago their data ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from titleholder.intervals import Interval
from titleholder.naming import TrainingRun
from titleholder.rollout.intents import DeployCandidate
from titleholder.rollout.roles import Roles, role_labels
from titleholder.rollout.steps import NewVersion
from titleholder.rollout.view import DeployedModel, Version, View

WEEK = timedelta(days=7)
END = datetime(2026, 11, 16, 3, tzinfo=UTC)


def run(weeks_ago: int = 0, generation: int = 0) -> TrainingRun:
    end = END - weeks_ago * WEEK
    return TrainingRun("m1", Interval(end - WEEK, end), generation)


NEW, OLD, OLDER, OLDEST = (run(ago).deployed_model_id for ago in range(4))


def new_version(weeks_ago: int = 0, generation: int = 0) -> NewVersion:
    return NewVersion(run(weeks_ago, generation).name, "m1", "", "gs://b/m", "image")


def wish(
    weeks_ago: int = 0, generation: int = 0, share: int = 10, **changes: Any
) -> DeployCandidate:
    of = run(weeks_ago, generation)
    made = DeployCandidate(
        version=new_version(weeks_ago, generation),
        deployed_model_id=of.deployed_model_id,
        recency=of.recency,
        period=WEEK,
        traffic_percentage=share,
        endpoint="m1",
        create_endpoint=True,
    )
    return replace(made, **changes)


def seat(weeks_ago: int, share: int = 0) -> DeployedModel:
    of = run(weeks_ago)
    return DeployedModel(
        of.deployed_model_id,
        of.name,
        f"m1@{10 - weeks_ago}",
        share,
        of.interval.end,
    )


def foreign(name: str = "1234567890123456789", share: int = 100, **changes: Any) -> DeployedModel:
    """A model that somebody else deployed, long ago."""
    made = DeployedModel(name, "theirs", "x@1", share, END - 30 * WEEK)
    return replace(made, **changes)


# Weeks 0 to 3 are registered as versions 10 to 7.
VERSIONS = tuple(Version(str(10 - ago), frozenset([run(ago).name])) for ago in range(4))
EMPTY = View("m1", "e", versions=VERSIONS)


def view(*seats: DeployedModel, roles: Roles | None = None, **changes: Any) -> View:
    """An endpoint with these models; with `roles`, as the last write of a rollout left it."""
    made = replace(EMPTY, deployed_models=seats, **changes)
    if roles is None:
        return made
    return replace(made, labels=role_labels(roles, made.split, "deploy_challenger-1"))
