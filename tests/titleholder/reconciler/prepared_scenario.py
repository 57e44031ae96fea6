"""A scenario with its starting state, from which it can be run any number of times."""

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.vertex.context import Durations
from tests.faults import Faults
from tests.titleholder.reconciler.conftest import FakeEventsTable, ModelUnderTest
from tests.titleholder.reconciler.final_state import event_problems, final_state, traffic_problems
from tests.titleholder.reconciler.in_memory_faults import InMemoryFaults
from tests.titleholder.reconciler.scenarios import Scenario
from titleholder.reconciler.engine import Converged

# Operations end before they are polled twice: polling more often adds no other case.
DURATIONS = Durations(0.2, 0.2, 0.2)
# A location and its copy need names of the same length.
_LOCATIONS = (f"crash-{number:05}" for number in itertools.count(1))


@dataclass
class PreparedScenario:
    """The scenario; `calls` are the methods that a run without faults calls, `expected` is the
    state that it leaves."""

    scenario: Scenario
    faults: Faults | InMemoryFaults
    start: ModelUnderTest
    calls: list[str] = field(default_factory=list)
    expected: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start.location = next(_LOCATIONS)
        self.scenario.prepare(self.start)
        clean = self.copy()
        self.run(clean)
        self.calls = [call["method"] for call in self.calls_made(clean)]
        self.expected = final_state(clean)
        assert not self.problems(clean), self.problems(clean)

    def copy(self) -> ModelUnderTest:
        """A copy of the starting state; faults, calls and traffic recorded before are cleared."""
        self.faults.clear()
        events_table = FakeEventsTable(events=dict(self.start.events_table.events))
        m1 = replace(self.start, events_table=events_table, location=next(_LOCATIONS))
        self.faults.copy(self.start.location, m1.location)
        return m1

    def run(self, m1: ModelUnderTest) -> Converged:
        """One attempt, until it converges."""
        return m1.run(self.scenario.intent(m1), **self.scenario.rollout)

    def calls_made(self, m1: ModelUnderTest) -> list[dict[str, Any]]:
        """The calls to resources in the location of `m1`."""
        return self.faults.calls(resource=f"*/{m1.location}*")

    def problems(self, m1: ModelUnderTest, failed: int = 0) -> list[str]:
        """Differences to the state that a run without faults leaves, apart from `failed`
        operations; and invariants that were broken at any time."""
        traffic = self.faults.traffic()
        expected, actual = dict(self.expected), final_state(m1)
        for key in [key for key in actual["events"] if key[0] == "blocked"]:
            del actual["events"][key]  # It changed nothing.
        once: Counter[str] = expected.pop("operations")
        started: Counter[str] = actual.pop("operations")
        problems = [
            *traffic_problems(traffic, self.scenario.most),
            *event_problems(m1, traffic, {*self.start.events_table.events}),
        ]
        if once - started or (started - once).total() != failed:
            problems.append(
                f"these operations were started: {dict(started)} instead of {dict(once)}"
            )
        return problems + [
            f"{key}: {actual[key]} instead of {expected[key]}"
            for key in expected
            if actual[key] != expected[key]
        ]
