"""The bench, run small: what must hold however busy the machine is."""

import pytest

from tests.bench.predictions import measure, table


@pytest.mark.long
def test_predictions_keep_up_with_the_model_itself() -> None:
    lines = measure(requests=1_500, seconds=10)
    text = table(lines)
    direct, bare, *served = lines
    assert [one.failed for one in lines] == [0] * len(lines), text
    steady = served[0].cpu
    for one in served:
        # By what an answer costs, not by the clock: other work on the machine slows all alike.
        assert one.cpu < 5 * (direct.cpu + bare.cpu), text
        assert one.cpu < 3 * steady, text
