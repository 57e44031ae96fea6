"""The differences of machine settings."""

from dataclasses import replace

from titleholder.config.endpoint import Resources
from titleholder.rollout.resources import differing

SMALL = Resources("n1-standard-4")


def test_the_differences_of_machine_settings() -> None:
    other = replace(
        SMALL,
        max_replicas=3,
        autoscaling=(("cpu_utilization", 70),),
        machine_type="n1-standard-8",
        accelerator=("NVIDIA_TESLA_T4", 2),
        service_account="models@p.iam.gserviceaccount.com",
    )
    assert differing(SMALL, other) == [
        ("machine_type", "n1-standard-8", "n1-standard-4"),
        ("accelerator", "2 x NVIDIA_TESLA_T4", "none"),
        ("max_replicas", "3", "1"),
        ("autoscaling", "cpu_utilization 70", "default"),
        ("service_account", "models@p.iam.gserviceaccount.com", "none"),
    ]
    assert differing(SMALL, SMALL) == []
