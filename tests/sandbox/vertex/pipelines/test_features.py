"""The features of kfp's language, from the outside: Google's client, and the outputs of jobs."""

import json

from tests.sandbox.vertex.pipelines import features
from tests.sandbox.vertex.pipelines.conftest import Bench, Server, output, outputs


def test_loops_over_structs_that_the_spec_declares_as_strings(server: Server, bench: Bench) -> None:
    rows = [{"words": ["a", {"b": 1}]}, {"words": [2.5]}]
    job = server.run(bench.request(features.loops_over_structs, rows=rows))
    assert [json.loads(text) for text in outputs(job, "row")] == [
        {"word": "a", "n": 1},
        {"word": "b", "n": 2},
    ]
    # Artifacts of nested loops are one list; those of the inner loop stay together.
    texts = [json.loads(text) if text != "a" else text for text in output(job, "read-in-order")]
    assert texts == ["a", {"b": 1}, 2.5]
