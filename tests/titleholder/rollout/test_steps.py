"""The calls of steps, and the digest of one that may come again."""

from dataclasses import replace

import pytest

from tests.titleholder.rollout.scenes import (
    ALONE,
    NEW,
    OLD,
    PAIR,
    candidate,
    deployed,
    run,
    view,
)
from titleholder.config.endpoint import EndpointType, Resources
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    Step,
    Undeploy,
    UpdateReplicas,
    call_of,
)

SMALL = Resources("n1-standard-4")
MANY = replace(SMALL, min_replicas=1, max_replicas=3, autoscaling=(("cpu_utilization", 70),))


@pytest.mark.parametrize(
    ("step", "call"),
    [
        (CreateEndpoint("m1"), "EndpointService.CreateEndpoint(display_name='m1')"),
        (
            CreateEndpoint("m1", EndpointType.DEDICATED),
            "EndpointService.CreateEndpoint(display_name='m1', dedicated_endpoint_enabled=True)",
        ),
        (
            CreateEndpoint("m1", EndpointType.PRIVATE),
            "EndpointService.CreateEndpoint(display_name='m1', private_service_connect_config)",
        ),
        (
            Register(candidate(0).version),
            f"ModelService.UploadModel(version_aliases=['{run().name}'])",
        ),
        (
            Deploy("1", "name", "v"),
            "EndpointService.DeployModel(id='1', display_name='name', version='v', "
            "traffic_split={})",
        ),
        (
            UpdateReplicas("1", MANY),
            "EndpointService.MutateDeployedModel(id='1', min_replica_count=1, "
            "max_replica_count=3, autoscaling_metric_specs={'cpu_utilization': 70})",
        ),
        (Undeploy("1"), "EndpointService.UndeployModel(deployed_model_id='1')"),
        (Alias("champion", "v"), "ModelService.MergeVersionAliases('v', ['champion'])"),
        (Alias("champion", "v", True), "ModelService.MergeVersionAliases('v', ['-champion'])"),
    ],
)
def test_the_call_of_a_step(step: Step, call: str) -> None:
    assert call_of(step, PAIR) == call


def test_the_digest_of_a_change_of_replicas_depends_on_what_is_found() -> None:
    change = UpdateReplicas(OLD, MANY)
    found = view(replace(deployed(1, 100), resources=SMALL))
    other = view(replace(deployed(1, 100), resources=replace(SMALL, min_replicas=2)))
    digests = {change.digest(found), change.digest(other), change.digest(ALONE)}
    digests |= {replace(change, resources=SMALL).digest(found)}
    digests |= {UpdateReplicas(NEW, MANY).digest(view(replace(deployed(0), resources=SMALL)))}
    assert len(digests) == 5
    assert change.digest(found) == change.digest(found)
