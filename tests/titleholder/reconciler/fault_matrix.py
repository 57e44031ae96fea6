"""What may happen to each call of a run."""

import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPICallError

from tests.titleholder.reconciler.conftest import Scene
from tests.titleholder.reconciler.kill_process_pool import Death, Nursery
from tests.titleholder.reconciler.stage import Stage
from titleholder.errors import TitleholderError

_WRITES = {
    *("create_endpoint", "upload_model", "deploy_model", "undeploy_model", "update_endpoint"),
    "merge_version_aliases",
}
# What Google may answer to a call that had no effect, and to one that had it nevertheless.
_BEFORE = ("UNAVAILABLE", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "ABORTED")
_AFTER = ("UNAVAILABLE", "INTERNAL")


@dataclass(frozen=True)
class Mishap:
    """What happens to the `number`th call of a run, which is the `nth` of its method, and the
    `write`th of those that change something, 0 for one that only reads. `fresh` says whether the
    world differs from that at the call before: by a write, an event, or the time."""

    kind: str
    number: int
    method: str
    nth: int
    write: int
    fresh: bool

    def __str__(self) -> str:
        return f"call {self.number}, {self.method}: {self.kind}"

    def befall(self, stage: Stage, scene: Scene, nursery: Nursery) -> bool:
        """Play the scene's first attempt with it; whether it came to that."""
        if self.kind.startswith("killed"):
            death = Death(self.write or self.number, bool(self.write), self.kind == "killed after")
            wish = stage.scenario.wish(scene)
            return nursery.play(scene, wish, stage.scenario.rollout, death) == -signal.SIGKILL
        self._arm(stage, scene)
        with suppress(GoogleAPICallError, TitleholderError):
            stage.play(scene)
        return any(call["faults"] for call in stage.made(scene))

    def _arm(self, stage: Stage, scene: Scene) -> None:
        faults, where = stage.faults, f"*/{scene.location}*"
        if not self.write:  # What is transient would be tried again for a minute.
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


def mishaps(kind: str, calls: Iterable[str]) -> Iterator[Mishap]:
    """All of that kind, one for each call that it can happen to.

    Reading has no effect: to fail after it, or to lose the answer, is to fail; and to die after it
    is to die before the next call.
    """
    seen: Counter[str] = Counter()
    writes, last = 0, ""
    for number, method in enumerate(calls, 1):
        seen[method] += 1
        changes = method in _WRITES
        writes += changes
        # Between two looks at an operation some time passes.
        fresh = changes or last in _WRITES or "get_operation" in (method, last) or not last
        if changes or kind in ("fails before", "killed before"):
            write = writes if changes else 0
            yield Mishap(kind, number, method, seen[method], write, fresh)
        last = method


def ended_at_once(mishap: Mishap, stage: Stage, nursery: Nursery) -> list[str]:
    """What an attempt has done in spite of a mishap that must end it there."""
    scene = stage.scene()
    mishap.befall(stage, scene, nursery)
    more = [call["method"] for call in stage.made(scene)][mishap.number :]
    return [f"{mishap}: and yet came {more}"] if more else []


def after(mishap: Mishap, stage: Stage, nursery: Nursery) -> list[str]:
    """What is wrong after the mishap and another attempt."""
    scene = stage.scene()
    met = mishap.befall(stage, scene, nursery)
    # A deployment that was over sooner is looked at less often: such a run has fewer reads.
    if not met and (mishap.write or len(stage.made(scene)) >= mishap.number):
        return [f"{mishap}: it did not come to that"]
    stage.faults.disarm()
    scene.vertex.clock.advance(0.01)  # What the first attempt started still runs.
    try:
        stage.play(scene)
    except (GoogleAPICallError, TitleholderError) as error:
        return [f"{mishap}: the next attempt fails with {error!r}"]
    return [f"{mishap}: {problem}" for problem in stage.wrong(scene)]
