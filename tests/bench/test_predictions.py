"""A small run of the bench: limits that hold on a busy machine."""

import pytest

from tests.bench.predictions import measure, table


@pytest.mark.long
def test_a_prediction_costs_little_more_than_the_model_itself() -> None:
    lines = measure(requests=1_500, seconds=10)
    text = table(lines)
    direct, bare, *served = lines
    assert [one.failed for one in lines] == [0] * len(lines), text
    steady = served[0].cpu
    for one in served:
        # Processor time, not wall-clock time, which depends on other work of the machine.
        assert one.cpu < 5 * (direct.cpu + bare.cpu), text
        assert one.cpu < 3 * steady, text
