"""The deployed models whose replicas are sampled."""

from collections.abc import Iterator

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.prediction.online_metrics import Served
from sandbox.vertex.prediction.serving import Serving
from sandbox.vertex.store import Store


def served_models(store: Store, serving: Serving) -> Iterator[Served]:
    """Every deployed model of all endpoints, as it is now."""
    for endpoint in store.list(types.Endpoint, "projects/"):
        for deployed in endpoint.deployed_models:
            model = store.get(types.Model, deployed.model)
            yield Served(
                endpoint.name,
                endpoint.display_name,
                deployed.id,
                model.display_name if model is not None else "",
                serving.healthy(endpoint.name, deployed),
                deployed.dedicated_resources.min_replica_count,
            )
