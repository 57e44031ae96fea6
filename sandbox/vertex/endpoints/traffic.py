"""Rules of traffic splits. No I/O.

Source: the docs of Endpoint.traffic_split, DeployModelRequest.traffic_split and
UndeployModelRequest.traffic_split in google/cloud/aiplatform/v1.
"""

from collections.abc import Collection, Mapping
from typing import Final

from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument

NEW_MODEL: Final = "0"
"""The key of the model that is being deployed, whose id may be generated."""


def check_split(split: Mapping[str, int], deployed: Collection[str]) -> None:
    """Raise InvalidArgument unless `split` is empty, or has deployed models and sums to 100."""
    unknown = sorted(set(split) - set(deployed))
    if unknown:
        raise InvalidArgument(
            f"traffic_split names {', '.join(unknown)}, which the endpoint has not deployed; "
            f"it has {', '.join(sorted(deployed)) or 'no models'}."
        )
    if any(not 0 <= percentage <= 100 for percentage in split.values()):
        raise InvalidArgument("traffic_split has a value outside 0 to 100; send percentages.")
    total = sum(split.values())
    if split and total != 100:
        raise InvalidArgument(
            f"traffic_split must sum to 100 or be empty, but it sums to {total}; correct it."
        )


def split_after_deploy(
    current: Mapping[str, int], wanted: Mapping[str, int], new: str, deployed: Collection[str]
) -> dict[str, int]:
    """The split after `new` is deployed beside `deployed`; raises InvalidArgument.

    An empty `wanted` changes nothing: split_after_deploy({"a": 100}, {}, "b", ["a"]) is {"a": 100}.
    """
    if not wanted:
        return dict(current)
    check_split(wanted, {*deployed, NEW_MODEL})
    return {new if key == NEW_MODEL else key: value for key, value in wanted.items()}


def split_after_undeploy(
    current: Mapping[str, int], wanted: Mapping[str, int], removed: str, deployed: Collection[str]
) -> dict[str, int]:
    """The split after `removed`, one of `deployed`, is undeployed.

    It is empty after the last model, whatever is `wanted`. Raises InvalidArgument for an invalid
    split, FailedPrecondition if the traffic of `removed` is not given to others.
    """
    check_split(wanted, deployed)
    rest = set(deployed) - {removed}
    split = wanted or current
    if rest and split.get(removed, 0) > 0:
        raise FailedPrecondition(
            f"DeployedModel {removed} has {split[removed]} % of the traffic and cannot be "
            "undeployed; send a traffic_split that gives its traffic to others."
        )
    return {key: value for key, value in split.items() if key in rest}
