"""A model is asked for its recorded predictions before its first traffic."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import CONSTANT, Storage
from tests.sandbox.vertex.prediction.model_servers import behaviour
from tests.titleholder.reconciler.conftest import ModelUnderTest, id_of_week
from titleholder.errors import ManualActionRequired, RetryableError, TitleholderError
from titleholder.events.event import Action
from titleholder.pipelines.container import ContainerSpec, container_spec
from titleholder.rollout.intents import Promote, UndoPromotion

DEDICATED = {"dedicated": True}
EXAMPLES = {"instances": [[1, 2, 3], [4, 5, 6]], "predictions": [[1, 1], [1.000001, 1]]}
A, B = (id_of_week(week) for week in range(2))

Put = Callable[[Any], None]


def container(name: str = "", **fields: Any) -> ContainerSpec:
    fields = fields or {"invokeRoutePrefix": "/*"}
    return container_spec({"imageUri": CONSTANT, **fields, **behaviour(name)})


@pytest.fixture
def put(m1: ModelUnderTest, bucket: Storage, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Write the examples of the model's artifact, which is this test's own."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.host)
    folder = f"examples/{m1.location}"
    bucket.put(f"{folder}/constant.json", b"[1, 1]")
    m1.artifact = f"gs://{bucket.bucket}/{folder}"

    def write(content: Any) -> None:
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        bucket.put(f"{folder}/examples.json", text)

    return write


def run(m1: ModelUnderTest, week: int, spec: ContainerSpec, **machines: Any) -> None:
    machines = machines or DEDICATED
    m1.run(m1.candidate(week, container=spec, machines=machines), machines=machines)


def test_a_model_that_repeats_its_predictions_receives_traffic(
    m1: ModelUnderTest, put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    put(EXAMPLES)
    with caplog.at_level(logging.INFO):
        run(m1, 0, container())
        run(m1, 1, container())
    assert m1.now[0] == {A: 90, B: 10}
    asked = [text for text in caplog.messages if "recorded predictions" in text]
    assert asked == [f"m1@{number} repeats its 2 recorded predictions" for number in (1, 2)]


@pytest.mark.parametrize(
    ("examples", "spec", "message"),
    [
        (
            {**EXAMPLES, "predictions": [[1, 1], [1, 2]]},
            container(),
            "m1@2 predicts [1, 1] for instance 1 of {}, where the pipeline recorded [1, 2]; it "
            "received no traffic: find out what differs between the two environments, and train it "
            "again",
        ),
        (
            EXAMPLES,
            container("too-many"),
            "m1@2 answers 2 instances of {} with [[1, 1], [1, 1], 1]",
        ),
        (EXAMPLES, container("text"), "m1@2 answers 2 instances of {} with 'hello' instead of"),
        (EXAMPLES, container("no-list"), "m1@2 answers 2 instances of {} with 3 instead of"),
        (EXAMPLES, container("refuse"), "m1@2 refuses the instances of its examples.json ("),
        (b"\xff", container(), '{} is invalid: write {{"instances": [...], "predictions": [...]}}'),
        ([], container(), "{} is invalid"),
        ({"instances": [], "predictions": []}, container(), "{} is invalid"),
        ({"instances": [[1]], "predictions": [1, 2]}, container(), "{} is invalid"),
        ({**EXAMPLES, "path": "predict"}, container(), "{} is invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_answer_stops_the_rollout(
    m1: ModelUnderTest, put: Put, examples: Any, spec: ContainerSpec, message: str
) -> None:
    run(m1, 0, container())
    put(examples)
    with pytest.raises(ManualActionRequired) as error:
        run(m1, 1, spec)
    expected = message.format(f"{m1.artifact}/examples.json")
    assert str(error.value).startswith(expected)
    assert m1.now == ({A: 100}, {"champion": A})
    blocked = [one for one in m1.events_table.events.values() if one.action == Action.BLOCKED]
    assert [event.reason for event in blocked] == [str(error.value)]


@pytest.mark.parametrize("server", ["error", "unavailable"])
def test_a_server_that_fails_is_asked_again_later(
    m1: ModelUnderTest, put: Put, server: str
) -> None:
    run(m1, 0, container())
    put(EXAMPLES)
    with pytest.raises(RetryableError, match=r"in 5 tries: .*(the disk is full|too busy)"):
        run(m1, 1, container(server))
    assert m1.now[0] == {A: 100}
    put({**EXAMPLES, "predictions": []})
    with pytest.raises(TitleholderError, match="is invalid"):  # the next attempt asks again
        run(m1, 1, container("x"))


@pytest.mark.parametrize(
    ("machines", "spec"),
    [
        (DEDICATED, container(predictRoute="/predict", healthRoute="/health")),
        ({"dedicated": False}, container(predictRoute="/predict", healthRoute="/health")),
    ],
    ids=["predict-route", "shared"],
)
def test_where_vertex_ai_addresses_no_deployed_model_nothing_is_asked(
    m1: ModelUnderTest, put: Put, machines: dict[str, Any], spec: ContainerSpec
) -> None:
    put({**EXAMPLES, "predictions": [[5], [5]]})
    run(m1, 0, spec, **machines)
    assert m1.now[0] == {A: 100}


def test_a_model_without_examples(m1: ModelUnderTest, put: Put) -> None:
    run(m1, 0, container())
    assert m1.now[0] == {A: 100}


def test_the_file_names_the_path_to_ask(m1: ModelUnderTest, put: Put) -> None:
    put({**EXAMPLES, "path": "/v2/score"})
    with pytest.raises(ManualActionRequired, match=r"with '\[\"/v2/score\", \"application/json\""):
        run(m1, 0, container("echo"))


def test_a_model_that_had_traffic_is_asked_when_it_receives_traffic_again(
    m1: ModelUnderTest, put: Put
) -> None:
    put(EXAMPLES)
    run(m1, 0, container())
    run(m1, 1, container())
    m1.run(Promote(B), machines=DEDICATED)
    put({**EXAMPLES, "predictions": [[5], [5]]})
    with pytest.raises(ManualActionRequired, match="it received no traffic"):
        m1.run(UndoPromotion(A), machines=DEDICATED)
    assert m1.now[0] == {B: 100}
