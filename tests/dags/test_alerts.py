"""What people are told: a webhook hears of real runs."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.sink import Sink, sink

WEEK = timedelta(weeks=1)


@pytest.fixture
def told(airflow_home: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """The webhook of the connection that the DAGs look for."""
    with sink() as into:
        held = json.dumps({"conn_type": "http", "password": into.url})
        monkeypatch.setenv("AIRFLOW_CONN_TITLEHOLDER_ALERTS", held)
        yield into


def test_crowned_then_seated(model: Callable[..., Model], told: Sink, google: Google) -> None:
    made = model()
    for end in (LAST_MONDAY - WEEK, LAST_MONDAY):
        assert made.play(end).state == "success"
    print(told.texts)
    assert told.titles() == ["first champion", "challenger seated"]
