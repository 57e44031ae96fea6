"""A step reads from Google, or from an emulator on this machine."""

import re

import pytest

from pipeline.components.create_dataset import storage_client
from pipeline.duelling.artifact import load_model
from pipeline.emulator import emulator

ROWS, FILES = "BIGQUERY_STORAGE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", ""),
        ("http://127.0.0.1:9060", "127.0.0.1:9060"),
        ("127.0.0.1:9060", "127.0.0.1:9060"),
        ("localhost:9060/", "localhost:9060"),
        ("http://[::1]:9060", "[::1]:9060"),
    ],
)
def test_an_address_on_this_machine(url: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROWS, url)
    assert emulator(ROWS) == host


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
def test_no_row_and_no_model_is_read_from_elsewhere(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (ROWS, FILES):
        monkeypatch.setenv(variable, url)
    says = " is {!r}, which is no address on this machine: write http://127.0.0.1:PORT"
    with pytest.raises(ValueError, match=re.escape(ROWS + says.format(url))):
        storage_client()
    with pytest.raises(ValueError, match=re.escape(FILES + says.format(url))):
        load_model("champion", "gs://b/models/one", "0" * 64, "gs://b/models", "p")
