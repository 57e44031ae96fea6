"""Airflow's API server stays responsive while the page waits for a Google that does not answer."""

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
from titleholder.page import app as page_app
from titleholder.page import cache, collect

# FastAPI has 40 threads for all blocking routes of a process.
READERS = 60


@pytest.fixture
def google_hangs(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    """Google does not answer during the test, and the page does not wait."""
    monkeypatch.setattr(collect, "SECONDS", 600)
    monkeypatch.setattr(cache, "MAX_WAIT", timedelta(0))
    with hanging() as found:
        for name in ("BIGQUERY_EMULATOR_HOST", "VERTEX_AI_EMULATOR_HOST"):
            monkeypatch.setitem(os.environ, name, found.url)
        yield found


@pytest.fixture
def server(google_hangs: Hanging) -> Iterator[Any]:
    """Airflow's API server in this process, with the page as a plugin."""
    from airflow.api_fastapi.app import create_app

    page_app.app.cache_clear()
    yield create_app(apps="core")
    google_hangs.over.set()
    page_app.app.cache_clear()


def test_airflow_answers_while_google_hangs(
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
    assert len(google_hangs.asked) <= 2, "the endpoint and the events, for all readers together"
    for page in pages:
        assert "The endpoint: being read now." in page
        assert '<meta http-equiv="refresh"' in page
