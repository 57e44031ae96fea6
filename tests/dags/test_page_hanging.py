"""The page on Airflow's API server while Google does not answer: Airflow answers all the same."""

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dags.conftest import Model, reserialize
from tests.titleholder.page.hanging import Hanging, hanging
from titleholder.page import app as on_airflow
from titleholder.page import cache as readings
from titleholder.page import collect as gather

# FastAPI gives all routes of a process that block 40 threads together.
READERS = 60


@pytest.fixture
def google_hangs(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    """For the page it does so for as long as the test lasts, and no reader waits for it."""
    monkeypatch.setattr(gather, "SECONDS", 600)
    monkeypatch.setattr(readings, "MAX_WAIT", timedelta(0))
    with hanging() as found:
        for name in ("BIGQUERY_EMULATOR_HOST", "VERTEX_AI_EMULATOR_HOST"):
            monkeypatch.setitem(os.environ, name, found.url)
        yield found


@pytest.fixture
def server(google_hangs: Hanging) -> Iterator[Any]:
    """Airflow's API server, in this process, with the page as a plugin of it."""
    from airflow.api_fastapi.app import create_app

    on_airflow.app.cache_clear()
    yield create_app(apps="core")
    google_hangs.over.set()
    on_airflow.app.cache_clear()


def test_a_google_that_hangs_does_not_starve_airflow(
    model: Callable[..., Model], google_hangs: Hanging, server: Any
) -> None:
    made = model()
    reserialize()

    async def look() -> list[str]:
        transport = httpx.ASGITransport(server)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            token = (await client.get("/auth/token")).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            shown = {"model": made.name}
            loads = [
                asyncio.create_task(client.get("/titleholder/", params=shown))
                for _ in range(READERS)
            ]
            assert await asyncio.to_thread(google_hangs.asked_first.wait, 60)
            answer = await asyncio.wait_for(client.get("/api/v2/dags"), 60)
            assert answer.status_code == 200
            pages = await asyncio.wait_for(asyncio.gather(*loads), 60)
        assert {page.status_code for page in pages} == {200}
        return [page.text for page in pages]

    pages = asyncio.run(look())
    assert not google_hangs.over.is_set()
    assert len(google_hangs.asked) <= 2, "the endpoint and the events, however many look"
    for page in pages:
        assert "The endpoint: being read now." in page
        assert '<meta http-equiv="refresh"' in page
