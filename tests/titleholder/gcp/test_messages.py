"""Endpoints and machine settings as messages of Google's client library."""

import pytest
from google.cloud import aiplatform_v1 as v1

from titleholder.config.endpoint import Endpoint, EndpointType, Resources
from titleholder.gcp.vertex.messages import (
    dedicated_resources,
    deployed_model,
    endpoint_type,
    new_endpoint,
    prediction_url,
)

NAME = "projects/1/locations/us-central1/endpoints/m1"
REGION = "https://us-central1-aiplatform.googleapis.com"
SCALED = Resources(
    "g2-standard-8",
    ("NVIDIA_L4", 2),
    1,
    3,
    (("cpu_utilization", 70), ("request_count", 90)),
    "models@my-project.iam.gserviceaccount.com",
)


@pytest.mark.parametrize("resources", [SCALED, Resources("n1-standard-4")])
def test_machine_settings_of_a_deployed_model(resources: Resources) -> None:
    deployed = v1.DeployedModel(
        model=f"{NAME}/models/m1",
        model_version_id="3",
        dedicated_resources=dedicated_resources(resources),
        service_account=resources.service_account,
    )
    assert deployed_model(v1.Endpoint(), deployed).resources == resources
    # Defaults that Vertex AI may or may not send along.
    deployed.dedicated_resources.autoscaling_metric_specs.append(
        v1.AutoscalingMetricSpec(
            metric_name="aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle",
            target=60,
        )
    )
    assert deployed_model(v1.Endpoint(), deployed).resources == resources


def test_another_kind_of_resources_has_no_machine_settings() -> None:
    deployed = v1.DeployedModel(automatic_resources=v1.AutomaticResources(min_replica_count=1))
    assert deployed_model(v1.Endpoint(), deployed).resources is None


@pytest.mark.parametrize(
    ("section", "fields", "found", "url"),
    [
        ({}, {}, EndpointType.SHARED, f"{REGION}/v1/{NAME}:predict"),
        ({"dedicated": True}, {}, EndpointType.DEDICATED, ""),
        (
            {"dedicated": True},
            {"dedicated_endpoint_dns": "m1.us-central1-1.prediction.vertexai.goog"},
            EndpointType.DEDICATED,
            f"https://m1.us-central1-1.prediction.vertexai.goog/v1/{NAME}:predict",
        ),
        (
            {"dedicated": True},
            {"dedicated_endpoint_dns": "https://m1.us-central1-1.prediction.vertexai.goog"},
            EndpointType.DEDICATED,
            f"https://m1.us-central1-1.prediction.vertexai.goog/v1/{NAME}:predict",
        ),
        (
            {"private_service_connect": {"projects": ["my-project"]}},
            {},
            EndpointType.PRIVATE,
            "",
        ),
    ],
)
def test_type_and_address_of_an_endpoint(
    section: dict, fields: dict, found: EndpointType, url: str
) -> None:
    config = Endpoint.model_validate({"display_name": "m1", **section})
    endpoint = new_endpoint(config, {"team": "a"})
    endpoint.name = NAME
    for name, value in fields.items():
        setattr(endpoint, name, value)
    assert config.type is endpoint_type(endpoint) is found
    assert prediction_url(endpoint, f"{REGION}/") == url
    if config.private_service_connect:
        allowed = endpoint.private_service_connect_config.project_allowlist
        assert list(allowed) == config.private_service_connect.projects


def test_the_address_of_a_dedicated_endpoint_has_the_scheme_of_the_api() -> None:
    endpoint = v1.Endpoint(
        name=NAME, dedicated_endpoint_enabled=True, dedicated_endpoint_dns="localhost:80"
    )
    url = prediction_url(endpoint, "http://127.0.0.1:80")
    assert url == f"http://localhost:80/v1/{NAME}:predict"
