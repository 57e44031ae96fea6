"""The generated clients over asynchronous REST: all of their methods, operations too.

Two things differ from the synchronous clients: credentials come from google.auth.aio, and the
client that polls operations has a session of its own, which closing the transport leaves open.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.api_core import exceptions
from google.api_core.future import async_future
from google.auth.aio.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1

from tests.conformance.conftest import MACHINE, ROW, Cloud
from tests.conftest import CONSTANT


@asynccontextmanager
async def connected(kind: Any, url: str) -> AsyncIterator[Any]:
    client = kind(
        transport="rest_asyncio",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )
    try:
        yield client
    finally:
        if getattr(client.transport, "_operations_client", None) is not None:
            # The close() of the transport is not implemented.
            await client.transport.operations_client.transport._session.close()
        await client.transport.close()


def test_asynchronous_clients(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_future.DEFAULT_RETRY, "_initial", 0.02)
    asyncio.run(_flow(cloud.parent, cloud.url, cloud.constant(5)))


async def _flow(parent: str, url: str, artifact: str) -> None:
    async with (
        connected(aiplatform_v1.EndpointServiceAsyncClient, url) as endpoints,
        connected(aiplatform_v1.ModelServiceAsyncClient, url) as models,
        connected(aiplatform_v1.PredictionServiceAsyncClient, url) as predictions,
        connected(aiplatform_v1.PipelineServiceAsyncClient, url) as jobs,
    ):
        made, uploaded = await asyncio.gather(
            endpoints.create_endpoint(parent=parent, endpoint={"display_name": "x"}),
            models.upload_model(
                parent=parent,
                model={
                    "display_name": "x",
                    "artifact_uri": artifact,
                    "container_spec": {"image_uri": CONSTANT},
                },
            ),
        )
        endpoint, model = await asyncio.gather(made.result(), uploaded.result())
        with pytest.raises(exceptions.BadRequest) as refused:
            await endpoints.deploy_model(
                endpoint=endpoint.name,
                deployed_model={"model": model.model, "dedicated_resources": MACHINE},
                traffic_split={"0": 99},
            )
        assert "sums to 99" in refused.value.message
        deploying = await endpoints.deploy_model(
            endpoint=endpoint.name,
            deployed_model={"model": model.model, "dedicated_resources": MACHINE, "id": "1"},
            traffic_split={"0": 100},
        )
        assert (await deploying.result()).deployed_model.id == "1"
        answers = await asyncio.gather(
            *(predictions.predict(endpoint=endpoint.name, instances=[ROW]) for _ in range(8))
        )
        assert {answer.deployed_model_id for answer in answers} == {"1"}

        second = await endpoints.create_endpoint(parent=parent, endpoint={"display_name": "y"})
        await second.result()
        pager = await endpoints.list_endpoints(request={"parent": parent, "page_size": 1})
        assert [one.display_name async for one in pager] == ["y", "x"]
        found = await models.list_models(parent=parent)
        assert [one.name async for one in found] == [model.model]
        none = await jobs.list_pipeline_jobs(parent=parent)
        assert [one async for one in none] == []

        with pytest.raises(exceptions.NotFound):
            await models.get_model(name=f"{parent}/models/missing")
        with pytest.raises(exceptions.Conflict):
            await endpoints.update_endpoint(
                endpoint={"name": endpoint.name, "etag": "outdated"},
                update_mask={"paths": ["description"]},
            )
        leaving = await endpoints.undeploy_model(endpoint=endpoint.name, deployed_model_id="1")
        await leaving.result()
        assert not (await endpoints.get_endpoint(name=endpoint.name)).deployed_models
