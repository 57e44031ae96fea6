"""A step reads its rows from Google, or from an emulator on this machine."""

import re

import pytest

from pipeline.components.create_dataset import storage_client

ROWS = "BIGQUERY_STORAGE_EMULATOR_HOST"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9060", "127.0.0.1:9060", "localhost:9060/", "http://[::1]:9060"]
)
def test_an_address_on_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROWS, url)
    with storage_client() as client:
        # No credentials: the channel is not encrypted.
        assert client.transport._credentials is None


@pytest.mark.parametrize(
    "url",
    [
        "evil.example.com:9060",
        "http://evil.example.com:9060",
        "http://127.0.0.1@evil.example.com",
        "http://127.0.0.1.evil.example.com",
        "dns:///evil.example.com",
        "10.0.0.7:9060",
        "0.0.0.0:9060",
        "127.0.0.999:9060",
        "https://127.0.0.1:9060",
        "127.0.0.1:9060\n",
    ],
)
def test_no_row_is_read_from_elsewhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROWS, url)
    says = f"{ROWS} is {url!r}, which is no address on this machine: write http://127.0.0.1:PORT"
    with pytest.raises(ValueError, match=re.escape(says)):
        storage_client()
