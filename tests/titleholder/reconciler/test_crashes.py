"""The crash matrix: whatever happens to whichever call, running again ends as if nothing had.

Every Google call of every scenario, in turn, fails, fails after its effect, loses its answer, or is
where the process is killed. The server's record of every split that was ever live is judged, not
only the end.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.titleholder.reconciler.fault_matrix import Mishap, after, ended_at_once, mishaps
from tests.titleholder.reconciler.kill_process_pool import Nursery
from tests.titleholder.reconciler.scenarios import SCENARIOS
from tests.titleholder.reconciler.stage import Stage
from tests.titleholder.reconciler.stage import _server as _server
from tests.titleholder.reconciler.stage import _stages as _stages
from tests.titleholder.reconciler.stage import stage as stage

KINDS = ("fails before", "fails after", "answer lost", "killed before", "killed after")
Stages = Callable[[str], Stage]
Record = Callable[[str, object], None]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where processes come from that are killed."""
    found = Nursery()
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("named", SCENARIOS)
def test_whatever_happens_the_next_attempt_ends_well(
    named: str, stage: Stages, nursery: Nursery, record_property: Record
) -> None:
    """Another attempt is made from every world that a mishap may leave.

    An attempt that ends at one read or at the next, without a write, an event or time between,
    leaves the same world. A process that is killed there has sent nothing more by its nature; one
    that is refused has to show it.
    """
    found = stage(named)
    every = [one for kind in KINDS for one in mishaps(kind, found.calls)]
    fresh = [one for one in every if one.fresh]
    refused = [one for one in every if not one.fresh and one.kind == "fails before"]
    wrong = [problem for one in fresh for problem in after(one, found, nursery)]
    wrong += [problem for one in refused for problem in ended_at_once(one, found, nursery)]
    _record(record_property, found, fresh + refused)
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.parametrize("named", SCENARIOS)
def test_the_next_attempt_ends_as_well_after_every_read(
    named: str, stage: Stages, nursery: Nursery, record_property: Record
) -> None:
    found = stage(named)
    every = [one for kind in KINDS for one in mishaps(kind, found.calls) if not one.fresh]
    wrong = [problem for one in every for problem in after(one, found, nursery)]
    _record(record_property, found, every)
    assert not wrong, "\n".join(wrong)


def _record(record: Record, found: Stage, played: list[Mishap]) -> None:
    record("crashes", {"scenarios": 1, "calls": len(found.calls)})
    record("crashes", {kind: sum(one.kind == kind for one in played) for kind in KINDS})
