"""A step reads its rows from Google Cloud or from an emulator on this machine."""

import re

import pytest

from pipeline.source import storage_client

VARIABLE = "BIGQUERY_STORAGE_EMULATOR_HOST"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9060", "127.0.0.1:9060", "localhost:9060/", "http://[::1]:9060"]
)
def test_an_emulator_on_this_machine_needs_no_credentials(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, url)
    with storage_client() as client:
        # No credentials: the channel is not encrypted.
        assert client.transport._credentials is None


@pytest.mark.parametrize(
    "url",
    [
        "other.example.com:9060",
        "http://other.example.com:9060",
        "http://127.0.0.1@other.example.com",
        "http://127.0.0.1.other.example.com",
        "dns:///other.example.com",
        "10.0.0.7:9060",
        "0.0.0.0:9060",
        "127.0.0.999:9060",
        "https://127.0.0.1:9060",
        "127.0.0.1:9060\n",
    ],
)
def test_another_machine_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, url)
    message = f"{VARIABLE} is {url!r}, which is not an address on this machine: write http://127.0.0.1:PORT"
    with pytest.raises(ValueError, match=re.escape(message)):
        storage_client()
