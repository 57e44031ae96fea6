"""Faults that are injected into each call of a run."""

import signal
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPICallError

from tests.titleholder.reconciler.conftest import ModelUnderTest
from tests.titleholder.reconciler.kill_process_pool import KillPoint, KillPool
from tests.titleholder.reconciler.prepared_scenario import PreparedScenario
from tests.titleholder.reconciler.scenarios import SCENARIOS
from tests.titleholder.reconciler.scenarios_in_memory import InMemoryKills
from titleholder.errors import TitleholderError

KINDS = ("fails before", "fails after", "answer lost", "killed before", "killed after")
Kills = KillPool | InMemoryKills
_WRITES = {
    *("create_endpoint", "upload_model", "deploy_model", "undeploy_model", "update_endpoint"),
    *("merge_version_aliases", "mutate_deployed_model"),
}
# Statuses of a call without an effect, and of one that had its effect nevertheless.
_BEFORE = ("UNAVAILABLE", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "ABORTED")
_AFTER = ("UNAVAILABLE", "INTERNAL")


@dataclass(frozen=True)
class FaultCase:
    """A fault at the `number`th call of a run, which is the `nth` of its method and the `write`th
    write, 0 for a read. `fresh` says whether the state differs from that at the call before: by a
    write, an event, or the time."""

    kind: str
    number: int
    method: str
    nth: int
    write: int
    fresh: bool

    def __str__(self) -> str:
        return f"call {self.number}, {self.method}: {self.kind}"

    def inject(self, prepared: PreparedScenario, m1: ModelUnderTest, kills: Kills) -> bool:
        """Run the first attempt with this fault; returns whether the fault happened."""
        if self.kind.startswith("killed"):
            after = self.kind == "killed after"
            kill_point = KillPoint(self.write or self.number, bool(self.write), after)
            scenario = prepared.scenario
            code = kills.run(m1, scenario.intent(m1), scenario.rollout, kill_point)
            return code == -signal.SIGKILL
        self._arm(prepared, m1)
        with suppress(GoogleAPICallError, TitleholderError):
            prepared.run(m1)
        return any(call["faults"] for call in prepared.calls_made(m1))

    def _arm(self, prepared: PreparedScenario, m1: ModelUnderTest) -> None:
        faults, where = prepared.faults, f"*/{m1.location}*"
        if not self.write:  # A transient error would be retried for a minute.
            faults.answer("*", "PERMISSION_DENIED", nth=self.number, resource=where)
        elif self.kind == "answer lost":
            faults.drop(self.method, when="after", nth=self.nth, resource=where)
        else:
            before = self.kind == "fails before"
            statuses = _BEFORE if before else _AFTER
            faults.answer(
                self.method,
                statuses[self.write % len(statuses)],
                when="before" if before else "after",
                nth=self.nth,
                resource=where,
            )


def all_cases(prepared: PreparedScenario) -> list[FaultCase]:
    """Each kind of fault at each call to which it applies.

    A read has no effect: a failure after it or a lost answer equals a failure, and a kill after it
    equals a kill before the next call.
    """
    return [case for kind in KINDS for case in _cases(kind, prepared.calls)]


def one_case_for_each_state(scenario_name: str, prepared: PreparedScenario) -> list[FaultCase]:
    """One fault at each call that has a state of its own before it: the kinds take turns.

    Attempts that end at two consecutive reads, without a write, an event or time in between, leave
    the same state.
    """
    first = [*SCENARIOS].index(scenario_name)
    return list(_in_turn((case for case in all_cases(prepared) if case.fresh), first))


def _cases(kind: str, calls: Iterable[str]) -> Iterator[FaultCase]:
    seen: Counter[str] = Counter()
    writes, last = 0, ""
    for number, method in enumerate(calls, 1):
        seen[method] += 1
        changes = method in _WRITES
        writes += changes
        # Time passes between two polls of an operation.
        fresh = changes or last in _WRITES or "get_operation" in (method, last) or not last
        if changes or kind in ("fails before", "killed before"):
            write = writes if changes else 0
            yield FaultCase(kind, number, method, seen[method], write, fresh)
        last = method


def _in_turn(cases: Iterable[FaultCase], first: int) -> Iterator[FaultCase]:
    """One case for each call of these cases, beginning with the kind number `first`."""
    of_calls: dict[int, list[FaultCase]] = {}
    for case in cases:
        of_calls.setdefault(case.number, []).append(case)
    turns = Counter({True: first, False: first})
    for found in of_calls.values():
        writes = found[0].write > 0
        yield found[turns[writes] % len(found)]
        turns[writes] += 1


def check(
    cases: Collection[FaultCase],
    prepared: PreparedScenario,
    kills: Kills,
    record_property: Callable[[str, object], None],
) -> None:
    """Assert that the attempt after each of these faults ends as a run without faults, and that a
    refused attempt sends nothing more; record the number of cases for the summary."""
    refused = [case for case in cases if not case.write and case.kind == "fails before"]
    problems = [one for case in cases for one in _problems_after(case, prepared, kills)]
    problems += [one for case in refused for one in _calls_after_refusal(case, prepared, kills)]
    record_property("crashes", {"scenarios": 1, "calls": len(prepared.calls)})
    record_property("crashes", {kind: sum(one.kind == kind for one in cases) for kind in KINDS})
    assert not problems, "\n".join(problems)


def _calls_after_refusal(case: FaultCase, prepared: PreparedScenario, kills: Kills) -> list[str]:
    """Calls that an attempt makes after a refused call that must end it."""
    m1 = prepared.copy()
    case.inject(prepared, m1, kills)
    more = [call["method"] for call in prepared.calls_made(m1)][case.number :]
    return [f"{case}: it was followed by {more}"] if more else []


def _problems_after(case: FaultCase, prepared: PreparedScenario, kills: Kills) -> list[str]:
    """Problems after the fault and another attempt."""
    m1 = prepared.copy()
    happened = case.inject(prepared, m1, kills)
    # A deployment that ends sooner is polled less often: such a run has fewer reads.
    if not happened and (case.write or len(prepared.calls_made(m1)) >= case.number):
        return [f"{case}: the fault did not happen"]
    prepared.faults.disarm()
    m1.vertex.clock.advance(0.01)  # Operations of the first attempt still run.
    try:
        prepared.run(m1)
    except (GoogleAPICallError, TitleholderError) as error:
        return [f"{case}: the next attempt fails with {error!r}"]
    return [f"{case}: {problem}" for problem in prepared.problems(m1)]
