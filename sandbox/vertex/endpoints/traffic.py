"""Who gets how much of an endpoint's traffic: Google's rules, without I/O.

The rules are those in the docs of Endpoint.traffic_split, DeployModelRequest.traffic_split and
UndeployModelRequest.traffic_split in google/cloud/aiplatform/v1.
"""

from collections.abc import Collection, Mapping
from typing import Final

from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument

NEW_MODEL: Final = "0"
"""The key that stands for the model being deployed, whose id may not be known yet."""


def check_split(split: Mapping[str, int], deployed: Collection[str]) -> None:
    """Raise InvalidArgument unless `split` is empty, or names deployed models and sums to 100."""
    unknown = sorted(set(split) - set(deployed))
    if unknown:
        raise InvalidArgument(
            f"traffic_split names {', '.join(unknown)}, which the endpoint has not deployed; "
            f"it has {', '.join(sorted(deployed)) or 'no models'}."
        )
    if any(not 0 <= share <= 100 for share in split.values()):
        raise InvalidArgument("traffic_split has a share outside 0 to 100; give whole percents.")
    total = sum(split.values())
    if split and total != 100:
        raise InvalidArgument(
            f"traffic_split must sum to 100 or be empty, but it sums to {total}; correct it."
        )


def split_after_deploy(
    current: Mapping[str, int], wanted: Mapping[str, int], new: str, deployed: Collection[str]
) -> dict[str, int]:
    """The split once `new` is deployed beside `deployed`; raises InvalidArgument.

    An empty `wanted` leaves it: after_deploy({"a": 100}, {}, "b", ["a"]) is {"a": 100}.
    """
    if not wanted:
        return dict(current)
    check_split(wanted, {*deployed, NEW_MODEL})
    return {new if key == NEW_MODEL else key: share for key, share in wanted.items()}


def split_after_undeploy(
    current: Mapping[str, int], wanted: Mapping[str, int], gone: str, deployed: Collection[str]
) -> dict[str, int]:
    """The split once `gone` is undeployed from `deployed`, which still has it.

    The last one leaves an empty split, whatever is wanted. Raises InvalidArgument for a wrong
    split, FailedPrecondition when `gone` would leave with traffic.
    """
    check_split(wanted, deployed)
    rest = set(deployed) - {gone}
    split = wanted or current
    if rest and split.get(gone, 0) > 0:
        raise FailedPrecondition(
            f"DeployedModel {gone} has {split[gone]} % of the traffic and cannot be undeployed; "
            "send a traffic_split that gives its share to others."
        )
    return {key: share for key, share in split.items() if key in rest}
