"""Views for planning tests: weekly models of m1, named by the weeks since the end of their data."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from titleholder.data_intervals import Interval
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
    return NewVersion(run(weeks_ago, generation).name, "m1", "", "gs://b/m")


def candidate(
    weeks_ago: int = 0, generation: int = 0, percentage: int = 10, **changes: Any
) -> DeployCandidate:
    training = run(weeks_ago, generation)
    intent = DeployCandidate(
        version=new_version(weeks_ago, generation),
        deployed_model_id=training.deployed_model_id,
        recency=training.recency,
        period=WEEK,
        traffic_percentage=percentage,
        endpoint="m1",
        create_endpoint=True,
    )
    return replace(intent, **changes)


def deployed(weeks_ago: int, percentage: int = 0) -> DeployedModel:
    training = run(weeks_ago)
    return DeployedModel(
        training.deployed_model_id,
        training.name,
        f"m1@{10 - weeks_ago}",
        percentage,
        training.interval.end,
    )


def foreign(
    name: str = "1234567890123456789", percentage: int = 100, **changes: Any
) -> DeployedModel:
    """A model that another process deployed 30 weeks ago."""
    return replace(DeployedModel(name, "theirs", "x@1", percentage, END - 30 * WEEK), **changes)


# Weeks 0 to 3 are registered as versions 10 to 7.
VERSIONS = tuple(Version(str(10 - ago), frozenset([run(ago).name])) for ago in range(4))
EMPTY = View("m1", "e", versions=VERSIONS)


def view(*models: DeployedModel, roles: Roles | None = None, **changes: Any) -> View:
    """An endpoint with these models; with `roles`, also the labels that record them."""
    unlabelled = replace(EMPTY, deployed_models=models, **changes)
    if roles is None:
        return unlabelled
    return replace(unlabelled, labels=role_labels(roles, unlabelled.split, "deploy_challenger-1"))


# m1@9, or m1@10, is champion: alone, with a challenger, with the previous champion, with the last
# challenger; and with a split that was changed by hand.
ALONE = view(deployed(1, 100), roles=Roles(OLD))
PAIR = view(deployed(1, 90), deployed(0, 10), roles=Roles(OLD, NEW))
KEPT = view(deployed(0, 100), deployed(1), roles=Roles(NEW, None, OLD))
LEFT = view(deployed(1, 100), deployed(0), roles=Roles(OLD, None, None, NEW))
HALVES = replace(PAIR, deployed_models=(deployed(1, 50), deployed(0, 50)))
